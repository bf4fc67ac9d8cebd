#!/bin/sh
# tshark, a parser that is not ours, must read our MIKEY offers and responses in
# SDP without complaint and find in them what we meant.
set -u
if ! command -v tshark >/dev/null || ! command -v text2pcap >/dev/null; then
	echo "skipped: tshark is not installed"
	exit 77
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
HOME=$dir
export HOME
status=0

# The SDP of one side with its MIKEY line, lines ended by CR LF.
sdp()
{
	printf '%s\r\n' v=0 'o=- 1 1 IN IP4 127.0.0.1' s=- \
		'c=IN IP4 127.0.0.1' 't=0 0' \
		"a=key-mgmt:mikey $(sed -n "s/^$1 //p" "$dir/sample")" \
		'm=audio 16384 RTP/SAVP 0' 'm=video 16386 RTP/SAVP 96' \
		'a=rtpmap:96 H264/90000'
}

# A capture of one SIP message: word, first line.
capture()
{
	sdp "$1" >"$dir/body"
	{
		printf '%s\r\n' "$2" \
			'Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1' \
			'From: <sip:alice@a.example>;tag=1' \
			'To: <sip:bob@b.example>' 'Call-ID: 1@a.example' \
			'CSeq: 1 INVITE' 'Max-Forwards: 70' \
			'Contact: <sip:alice@127.0.0.1:5060>' \
			'Content-Type: application/sdp' \
			"Content-Length: $(wc -c <"$dir/body")" ''
		cat "$dir/body"
	} | od -Ax -tx1 -v | text2pcap -q -u 5060,5060 - "$dir/$1.pcap" \
		2>"$dir/log" || { cat "$dir/log"; exit 1; }
}

# Compares fields of a capture, "field=value" a line on standard input.
expect()
{
	cat >"$dir/want"
	set -- "$1" $(sed 's/=.*//; s/^/-e /' "$dir/want")
	word=$1
	shift
	tshark -r "$dir/$word.pcap" -T fields -E separator='|' "$@" \
		2>/dev/null | tr '|' '\n' >"$dir/values"
	sed 's/=.*//' "$dir/want" | paste -d= - "$dir/values" >"$dir/got"
	if ! diff "$dir/want" "$dir/got"; then
		echo "$word: tshark reads something else (>)"
		status=1
	fi
}

# RFC 7714's AES-GCM (6) and RFC 6043's PRF (1) and MAC (2) are newer than
# tshark's tables.
complaints()
{
	tshark -r "$dir/$1.pcap" -V 2>/dev/null |
		grep -v 'Encryption algorithm: Unknown (6)' |
		grep -v 'PRF func: Unknown (1)' |
		grep -v '\(Mac\|Auth\) alg: Unknown (2)' |
		grep -i 'malformed\|unknown\|expert info (error'
}

# The captures of one exchange by that method.
exchange()
{
	./tests/call/mikey_sample "$@" >"$dir/sample" || exit 1
	capture offer 'INVITE sip:bob@b.example SIP/2.0'
	capture answer 'SIP/2.0 200 OK'
	for word in offer answer; do
		if complaints $word; then
			echo "$1: $word: tshark complains"
			status=1
		fi
	done
}

# csb id and timestamp of the offer
same()
{
	tshark -r "$dir/offer.pcap" -T fields -E separator=' ' \
		-e mikey.csb_id -e mikey.t.ntp 2>/dev/null
}

exchange mikey-psk
# HDR, T, RAND, IDi, IDr, SP, SDP IDs and priorities, KEMAC, the end
expect offer <<'END'
_ws.malformed=
mikey.type=0
mikey.next_payload=5,11,6,6,10,21,21,1,0
mikey.v.set=1
mikey.prf_func=0
mikey.cs_count=4
mikey.cs_id_map_type=0
mikey.srtp_id.ssrc=0x11111111,0x00000000,0x22222222,0x00000000
mikey.id.data=sip:alice@a.example,sip:bob@b.example
mikey.sp.encr_alg=6
mikey.sp.encr_len=16
mikey.kemac.encr_alg=1
mikey.kemac.key_data_len=20
mikey.kemac.mac_alg=1
END
same=$(same)
# HDR, T, IDr, V, the end; bundle and time are the offer's
expect answer <<END
_ws.malformed=
mikey.type=1
mikey.next_payload=5,6,21,9,0
mikey.prf_func=0
mikey.cs_count=4
mikey.cs_id_map_type=0
mikey.srtp_id.ssrc=0x11111111,0x33333333,0x22222222,0x44444444
mikey.id.data=sip:bob@b.example
mikey.v.auth_alg=1
mikey.csb_id=${same%% *}
mikey.t.ntp=${same#* }
END

# The PRF and MACs of RFC 6043 are newer than tshark's tables: it stops at the
# MAC, whose length it cannot know, and reads all before it.
exchange mikey-psk sha-256
expect offer <<'END'
_ws.malformed=
mikey.type=0
mikey.next_payload=5,11,6,6,10,21,21,1,0
mikey.prf_func=1
mikey.kemac.mac_alg=2
END

exchange mikey-dhhmac
# HDR, T, RAND, IDi, IDr, SP, general extension, DHi, KEMAC, the end
expect offer <<'END'
_ws.malformed=
mikey.type=7
mikey.next_payload=5,11,6,6,10,21,21,3,1,0
mikey.cs_count=4
mikey.id.data=sip:alice@a.example,sip:bob@b.example
mikey.dh.group=0
mikey.kemac.encr_alg=0
mikey.kemac.key_data_len=0
mikey.kemac.mac_alg=1
END
same=$(same)
# HDR, T, IDr, IDi, DHr, DHi, KEMAC, the end
expect answer <<END
_ws.malformed=
mikey.type=8
mikey.next_payload=5,6,6,3,3,21,1,0
mikey.srtp_id.ssrc=0x11111111,0x33333333,0x22222222,0x44444444
mikey.id.data=sip:bob@b.example,sip:alice@a.example
mikey.dh.group=0,0
mikey.kemac.key_data_len=0
mikey.kemac.mac_alg=1
mikey.csb_id=${same%% *}
mikey.t.ntp=${same#* }
END
exchange mikey-rsa
# HDR, T, RAND, IDi, IDr, SP, general extension, CERT, KEMAC, PKE, SIGN
expect offer <<'END'
_ws.malformed=
mikey.type=2
mikey.next_payload=5,11,6,6,10,21,21,7,1,2,4
mikey.v.set=1
mikey.id.data=sip:alice@a.example,sip:bob@b.example
mikey.kemac.encr_alg=1
mikey.kemac.mac_alg=1
mikey.pke.c=0
mikey.sign.type=0
END
same=$(same)
# HDR, T, IDr, V, the end
expect answer <<END
_ws.malformed=
mikey.type=3
mikey.next_payload=5,6,21,9,0
mikey.srtp_id.ssrc=0x11111111,0x33333333,0x22222222,0x44444444
mikey.v.auth_alg=1
mikey.csb_id=${same%% *}
mikey.t.ntp=${same#* }
END

exchange mikey-rsa-r
# HDR, T, RAND, IDi, IDr, SP, general extension, CERT, SIGN
expect offer <<'END'
_ws.malformed=
mikey.type=9
mikey.next_payload=5,11,6,6,10,21,21,7,4
mikey.v.set=1
mikey.sign.type=0
END
same=$(same)
# HDR, T, IDr, CERT, SP, KEMAC, PKE, SIGN
expect answer <<END
_ws.malformed=
mikey.type=10
mikey.next_payload=5,6,7,10,21,1,2,4
mikey.srtp_id.ssrc=0x11111111,0x33333333,0x22222222,0x44444444
mikey.id.data=sip:bob@b.example
mikey.pke.c=0
mikey.sign.type=0
mikey.csb_id=${same%% *}
mikey.t.ntp=${same#* }
END

exchange mikey-dh
# HDR, T, RAND, IDi, IDr, SP, general extension, CERT, DHi, SIGN
expect offer <<'END'
_ws.malformed=
mikey.type=4
mikey.next_payload=5,11,6,6,10,21,21,7,3,4
mikey.dh.group=0
mikey.sign.type=0
END
same=$(same)
# HDR, T, IDr, CERT, IDi, DHr, DHi, SIGN
expect answer <<END
_ws.malformed=
mikey.type=5
mikey.next_payload=5,6,7,6,3,3,21,4
mikey.id.data=sip:bob@b.example,sip:alice@a.example
mikey.dh.group=0,0
mikey.csb_id=${same%% *}
mikey.t.ntp=${same#* }
END

# The groups are private ones (doc/MIKEY-ECC.md): it reads up to the value.
exchange mikey-ecdh
expect offer <<'END'
_ws.malformed=
mikey.type=4
mikey.next_payload=5,11,6,6,10,21,21,7,3,4
mikey.v.set=1
mikey.cs_count=4
mikey.id.data=sip:alice@a.example,sip:bob@b.example
END
same=$(same)
expect answer <<END
_ws.malformed=
mikey.type=5
mikey.next_payload=5,6,7,6,3,3
mikey.id.data=sip:bob@b.example,sip:alice@a.example
mikey.csb_id=${same%% *}
mikey.t.ntp=${same#* }
END
exit $status
