#!/bin/sh
# The claims of tests/kernel/nat_guest.py about NATs before tunnels, on a
# kernel with ESP.
set -u
srcdir=${srcdir:-.}
tool=tests/mock/tunneltool
if nm "$tool" 2>/dev/null | grep -q -e __asan_init -e __tsan_init; then
	echo "skipped: a sanitizer needs more room than this guest has"
	exit 77
fi
exec "$srcdir/tests/kernel/vm" 600 \
	python3 "$srcdir/tests/kernel/nat_guest.py" "$tool" daemon/callseald "$@"
