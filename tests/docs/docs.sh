#!/bin/sh
# docs.sh - the manual, the example configurations and the unit file agree with
# the programs: every option and key is documented, every example loads.
# Without the programs in the build folder, or mandoc, that part is skipped.
set -u
src=${srcdir:-.}
daemon=$(ls ./callseald ./daemon/callseald ./daemon/*/callseald 2>/dev/null |
	head -n 1)
ctl=$(ls ./callsealctl ./ctl/callsealctl 2>/dev/null | head -n 1)
bad=0

fail() {
	echo "FAIL: $*"
	bad=$((bad + 1))
}

# Every option that PROGRAM's --help shows stands in PAGE as .It Fl or Fl.
options_in() { # PROGRAM PAGE
	page=$(sed 's/\\-/-/g' "$2")
	"$1" --help 2>&1 | grep -oE '(^|[ ,[])--?[a-z][a-z-]*' |
		sed 's/^[ ,[]*//' | sort -u | while read -r option; do
		echo "$page" | grep -qE "Fl ([^ ]+ )*${option#-}( |\$)" ||
			echo "$2: option $option is missing"
	done
}

lint() {
	command -v mandoc >/dev/null || { echo "skip: no mandoc"; return; }
	for page in "$src"/man/*.[1-9]; do
		mandoc -T lint -W warning "$page" || fail "$page"
	done
}

programs() {
	[ -x "$daemon" ] || { echo "skip: no callseald"; return; }
	missing=$(options_in "$daemon" "$src/man/callseald.8")
	[ -z "$missing" ] || fail "$missing"
	"$daemon" --print-config | python3 "$src/man/keys.py" check \
		"$src/man/callseal.conf.5" "$src/etc/callseal.conf" ||
		fail "keys"
	[ -x "$ctl" ] && [ -e "$src/man/callsealctl.1" ] || return
	missing=$(options_in "$ctl" "$src/man/callsealctl.1")
	[ -z "$missing" ] || fail "$missing"
}

# The examples load. A copy, because the sites need a key beside them.
examples() {
	[ -x "$daemon" ] || return
	dir=$(mktemp -d) || exit 99
	cp "$src"/etc/*.conf "$dir"
	(umask 077 && printf '%064d\n' 5 >"$dir/site.psk")
	for conf in "$dir"/*.conf; do
		"$daemon" --check -f "$conf" || fail "$conf does not load"
	done
	printf 'inside = { listn = ( "udp:127.0.0.1:5060" ); };\n' >"$dir/bad"
	"$daemon" --check -f "$dir/bad" 2>"$dir/out"
	[ $? = 78 ] || fail "an unknown key must exit 78"
	grep -q 'bad:1:.*listn' "$dir/out" || fail "which key: $(cat "$dir/out")"
	rm -rf "$dir"
}

unit() {
	command -v systemd-analyze >/dev/null ||
		{ echo "skip: no systemd-analyze"; return; }
	dir=$(mktemp -d) || exit 99
	# the programs are not installed: verify the rest of the unit
	sed 's|=[^ ]*/callseald|=/bin/true|' systemd/callseald.service \
		>"$dir/callseald.service"
	systemd-analyze verify --man=no "$dir/callseald.service" \
		2>"$dir/out" || fail "the unit file: $(cat "$dir/out")"
	grep callseald.service "$dir/out" && fail "the unit file warns"
	rm -rf "$dir"
}

lint
programs
examples
unit
echo "docs: $bad faults"
exit $((bad > 0))
