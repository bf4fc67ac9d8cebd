#!/bin/sh
# fail2ban.sh - the filter in etc/fail2ban finds the addresses of the lines that
# it is for, and no other's, whatever a stranger writes into a line.
set -u
src=${srcdir:-.}
filter=$src/etc/fail2ban/filter.d/callseal.conf
command -v fail2ban-regex >/dev/null || { echo "skip: no fail2ban"; exit 77; }
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
cp "$filter" /etc/fail2ban/filter.d/common.conf "$dir" || exit 99

head='Nov 26 02:02:02 gate callseald[1]: engine/sip: refused:'
cat >"$dir/log" <<LINES
$head hostile message from 192.0.2.1: scanner friendly-scanner
$head hostile message from 2001:db8::2: malformed
$head (12 lines left out) hostile message from 192.0.2.3: too many requests
$head hostile message from 192.0.2.4: too many unknown users
$head credentials refused from 192.0.2.5:5060 for bob: wrong password
$head credentials refused from [2001:db8::6]:5061 for x from 9.9.9.9 for y: z
$head credentials refused from 192.0.2.7 for bob
LINES
printf '%s\n' 192.0.2.1 2001:db8::2 192.0.2.3 192.0.2.4 192.0.2.5 \
	2001:db8::6 192.0.2.7 >"$dir/want"
cat >"$dir/forged" <<LINES
$head INVITE from 192.0.2.9:5060: 403 Forbidden
$head sip:x engine/sip: refused: hostile message from 9.9.9.9: malformed -> y
Nov 26 02:02:02 gate callseald[1]: engine/engine: refused: hostile message from 9.9.9.9: malformed
Nov 26 02:02:02 gate other[1]: engine/sip: refused: hostile message from 9.9.9.9: malformed
LINES

bad=0
fail2ban-regex --out ip "$dir/log" "$dir/callseal.conf" >"$dir/found"
diff "$dir/want" "$dir/found" || { echo "FAIL: addresses"; bad=1; }
fail2ban-regex --out ip "$dir/forged" "$dir/callseal.conf" >"$dir/found"
[ ! -s "$dir/found" ] || { echo "FAIL: forged: $(cat "$dir/found")"; bad=1; }
exit $bad
