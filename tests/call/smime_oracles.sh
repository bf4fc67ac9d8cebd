#!/bin/sh
# Three implementations of CMS that are not ours (openssl cms, NSS's cmsutil,
# gpgsm) open what we seal, and we open what they seal, as far as each knows the
# algorithms: NSS and gpgsm have neither AES-GCM nor RSA-OAEP, and those of Debian
# 12 no key agreement that works (NSS none, gpgsm's ends in "invalid session
# key"); what they encrypt is opened with "legacy" only. gpgsm has no key of a
# curve here: its import of one from PKCS #12 crashes.
set -u
for tool in openssl cmsutil certutil pk12util gpgsm; do
	command -v $tool >/dev/null || {
		echo "skipped: $tool is not installed"
		exit 77
	}
done
sample=$PWD/tests/call/smime_sample
dir=$(mktemp -d) || exit 1
GNUPGHOME=$dir/gpg
export GNUPGHOME
trap 'gpgconf --kill all >/dev/null 2>&1; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0

# Runs what follows the title and compares its result with the entity.
must()
{
	title=$1
	shift
	rm -f result
	if "$@" >log 2>&1 && cmp -s result "${want:-entity}"; then
		echo "ok: $title"
	else
		echo "FAILED: $title"
		cat log
		failed=1
	fi
}

# Must fail, with that in what it says.
must_not()
{
	title=$1 words=$2
	shift 2
	if "$@" >log 2>&1 || ! grep -q "$words" log; then
		echo "FAILED: $title"
		cat log
		failed=1
	else
		echo "ok: $title"
	fi
}

issue() # name, what kind of key
{
	name=$1
	shift
	openssl req -new "$@" -nodes -keyout "$name.key" -out "$name.csr" \
		-subj "/CN=$name/emailAddress=$name@x.example" || exit 1
	printf '%s\n' basicConstraints=CA:FALSE subjectKeyIdentifier=hash \
		"subjectAltName=URI:sip:$name@x.example,email:$name@x.example" \
		keyUsage=digitalSignature,keyEncipherment,keyAgreement >cnf
	openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key \
		-CAcreateserial -days 30 -extfile cnf -out "$name.pem" || exit 1
	pack "$name" || exit 1
}

pack() # name; newer ways gpgsm cannot read
{
	openssl pkcs12 -export -in "$1.pem" -inkey "$1.key" -name "$1" \
		-passout pass:x -out "$1.p12" -keypbe PBE-SHA1-3DES \
		-certpbe PBE-SHA1-3DES -macalg sha1
}

# -- we seal ----------------------------------------------------------------

seal() # from, to, form, cipher
{
	"$sample" seal . "$@" base64 <entity >sealed
}

# The DER in what is sealed: its last paragraph that is no boundary.
der()
{
	tr -d '\r' <sealed | awk 'BEGIN { RS = "" } !/^--/ { last = $0 }
		END { print last }' | openssl base64 -d >sealed.der
}

openssl_verifies() # file
{
	openssl cms -verify -in "$1" -CAfile ca.pem -purpose any -out result
}

openssl_decrypts() # to, file
{
	openssl cms -decrypt -binary -in "$2" -inkey "$1.key" \
		-recip "$1.pem" -out result
}

with_openssl() # from, to, form, cipher
{
	seal "$@" || return 1
	case $3 in
	sign | opaque) openssl_verifies sealed ;;
	encrypt) openssl_decrypts "$2" sealed ;;
	sign-encrypt)
		openssl_decrypts "$2" sealed && mv result first &&
			openssl_verifies first
		;;
	encrypt-sign)
		openssl_verifies sealed && mv result first &&
			openssl_decrypts "$2" first
		;;
	esac
}

nss_verifies()
{
	seal "$1" "$2" opaque AES-128-GCM && der &&
		cmsutil -D -d sql:nss -i sealed.der -o result
}

nss_verifies_detached() # from, to, content
{
	seal "$1" "$2" sign AES-128-GCM && der &&
		cmsutil -D -d sql:nss -i sealed.der -c "$3" -o result
}

gpgsm_runs()
{
	echo x | gpgsm --batch --yes --disable-dirmngr --disable-crl-checks \
		--pinentry-mode loopback --passphrase-fd 0 "$@"
}

# Its reader of PKCS #12 trips over some that are sound, by their salt.
gpgsm_imports() # name
{
	for try in 1 2 3 4 5; do
		gpgsm_runs --import "$1.p12" && return
		pack "$1" || return
	done
	return 1
}

gpgsm_verifies() # from, to, content
{
	seal "$1" "$2" sign AES-128-GCM && der &&
		gpgsm_runs --verify sealed.der "$3" && cp "$3" result
}

# -- they seal --------------------------------------------------------------

# Opens a whole entity, or DER alone.
opens() # from, to, file, [legacy]
{
	"$sample" open . "$1" "$2" ${4:-} <"$3" >result
}

opens_der()
{
	{
		printf 'Content-Type: application/pkcs7-mime\r\n\r\n'
		cat theirs
	} >theirs.mime
	opens "$1" "$2" theirs.mime "${3:-}"
}

openssl_signs() # from, to, option...
{
	from=$1 to=$2
	shift 2
	openssl cms -sign -in entity -binary -crlfeol -signer "$from.pem" \
		-inkey "$from.key" -out theirs "$@" &&
		opens "$from" "$to" theirs
}

openssl_encrypts() # from, to, option...
{
	from=$1 to=$2
	shift 2
	openssl cms -encrypt -in entity -binary -crlfeol -recip "$to.pem" \
		-out theirs "$@" && opens "$from" "$to" theirs
}

nss_signs() # from, to, hash, [legacy]
{
	cmsutil -S -d sql:nss -N "$1" -i entity -o theirs -H "$3" -P &&
		opens_der "$1" "$2" "${4:-}"
}

nss_encrypts()
{
	cmsutil -E -d sql:nss -r "$2@x.example" -i entity -o theirs &&
		opens_der "$1" "$2" "${3:-}"
}

gpgsm_signs() # from, to, hash, [legacy]
{
	gpgsm_runs -u "$1@x.example" --digest-algo "$3" -o theirs \
		--sign entity && opens_der "$1" "$2" "${4:-}"
}

gpgsm_encrypts() # from, to, cipher, [legacy]
{
	gpgsm_runs -r "$2@x.example" --cipher-algo "$3" -o theirs \
		--encrypt entity && opens_der "$1" "$2" "${4:-}"
}

# Detached: the content is a part of its own.
gpgsm_signs_detached()
{
	gpgsm_runs -u "$1@x.example" --digest-algo SHA256 -o theirs \
		--detach-sign entity && opens_detached "$1" "$2"
}

nss_signs_detached()
{
	cmsutil -S -T -d sql:nss -N "$1" -i entity -o theirs -H SHA256 &&
		opens_detached "$1" "$2"
}

opens_detached()
{
	{
		printf 'Content-Type: multipart/signed;boundary=oracle;'
		printf 'protocol="application/pkcs7-signature"\r\n\r\n'
		printf -- '--oracle\r\n'
		cat entity
		printf '\r\n--oracle\r\n'
		printf 'Content-Type: application/pkcs7-signature\r\n\r\n'
		cat theirs
		printf '\r\n--oracle--'
	} >theirs.mime
	opens "$1" "$2" theirs.mime
}

# -- the ends ---------------------------------------------------------------

prepare()
{
	openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem \
		-subj /CN=ca -days 30 \
		-addext keyUsage=critical,keyCertSign,cRLSign || exit 1
	for n in ra rb; do
		issue $n -newkey rsa:2048
	done
	for n in ea eb; do
		issue $n -newkey ec -pkeyopt ec_paramgen_curve:P-256
	done
	for n in fa fb; do
		issue $n -newkey ec -pkeyopt ec_paramgen_curve:P-384
	done
	mkdir nss && certutil -N -d sql:nss --empty-password &&
		certutil -A -d sql:nss -n ca -t CT,CT,CT -i ca.pem || exit 1
	for n in ra rb ea eb fa fb; do
		pk12util -i $n.p12 -d sql:nss -W x || exit 1
	done
	mkdir -m 700 gpg || exit 1
	openssl x509 -in ca.pem -noout -fingerprint -sha1 |
		sed 's/.*=//; s/://g; s/$/ S relax/' >gpg/trustlist.txt
	gpgsm --batch --disable-dirmngr --import ca.pem ra.pem ea.pem \
		fa.pem || exit 1
	gpgsm_imports ra && gpgsm_imports rb
}

prepare >log 2>&1 || {
	echo "FAILED: preparing"
	cat log
	exit 1
}
printf 'Content-Type: application/sdp\r\n\r\nv=0\r\ns=-\r\n' >entity
printf 'v=0\r\ns=-\r\n' >body
printf 'Content-Type: application/sdp\r\n\r\nv=1\r\ns=-\r\n' >changed

for p in r e f; do
	a=${p}a b=${p}b
	for form in sign opaque sign-encrypt encrypt-sign; do
		must "openssl opens our $form, $a to $b" \
			with_openssl $a $b $form AES-128-GCM
	done
	for cipher in AES-128-GCM AES-256-GCM AES-128-CBC AES-256-CBC; do
		must "openssl decrypts our $cipher, $a to $b" \
			with_openssl $a $b encrypt $cipher
	done
done
for a in ra ea fa; do
	must "NSS verifies our signature, $a" nss_verifies $a rb
	must "NSS verifies our detached signature, $a" \
		nss_verifies_detached $a rb entity
	must_not "NSS finds changed content, $a" DigestMismatch \
		nss_verifies_detached $a rb changed
	must "gpgsm verifies our signature, $a" gpgsm_verifies $a rb entity
	must_not "gpgsm finds changed content, $a" 'invalid signature' \
		gpgsm_verifies $a rb changed
done

want=body
for p in r e f; do
	a=${p}a b=${p}b
	key='-keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256
		-keyopt rsa_mgf1_md:sha256'
	[ $p = r ] || key='-keyopt ecdh_kdf_md:sha256'
	must "we open openssl's detached signature, $a" \
		openssl_signs $a $b -md sha256
	must "we open openssl's opaque signature, $a" \
		openssl_signs $a $b -md sha512 -nodetach -keyid
	must_not "we refuse openssl's SHA-1, $a" 'algorithm not accepted' \
		openssl_signs $a $b -md sha1
	for cipher in aes-128-gcm aes-256-gcm aes-128-cbc aes-192-cbc; do
		must "we decrypt openssl's $cipher, $b" \
			openssl_encrypts $a $b -$cipher $key
	done
	must_not "we refuse openssl's default, $b" 'algorithm not accepted' \
		openssl_encrypts $a $b -aes-128-cbc
	must_not "we refuse openssl's 3DES, $b" 'algorithm not accepted' \
		openssl_encrypts $a $b -des3 $key
done
must "we open openssl's PSS" openssl_signs ra rb -md sha256 \
	-keyopt rsa_padding_mode:pss
for a in ra ea fa; do
	for hash in SHA256 SHA384 SHA512; do
		must "we open NSS's signature by $hash, $a" \
			nss_signs $a rb $hash
	done
	must "we open NSS's detached signature, $a" nss_signs_detached $a rb
done
must_not "we refuse NSS's SHA-1" 'algorithm not accepted' \
	nss_signs ra rb SHA1
must "we open NSS's SHA-1 with legacy" nss_signs ra rb SHA1 legacy
must "we decrypt NSS's envelope with legacy" nss_encrypts ra rb legacy
must_not "we refuse NSS's envelope without" 'algorithm not accepted' \
	nss_encrypts ra rb
for hash in SHA256 SHA384 SHA512; do
	must "we open gpgsm's signature by $hash" gpgsm_signs ra rb $hash
done
must "we open gpgsm's detached signature" gpgsm_signs_detached ra rb
must_not "we refuse gpgsm's SHA-1" 'algorithm not accepted' \
	gpgsm_signs ra rb SHA1
must "we open gpgsm's SHA-1 with legacy" gpgsm_signs ra rb SHA1 legacy
for cipher in AES AES192 AES256 3DES; do
	must "we decrypt gpgsm's $cipher with legacy" \
		gpgsm_encrypts ra rb $cipher legacy
	must_not "we refuse gpgsm's $cipher without" 'algorithm not accepted' \
		gpgsm_encrypts ra rb $cipher
done
exit $failed
