#!/bin/sh
# Runs every fuzz target over its corpus; with FUZZ_SECONDS=N and targets made
# with --enable-fuzz also N seconds of fuzzing each.
set -u
srcdir=${srcdir:-.}
status=0
for target in tests/fuzz/fuzz_*; do
	case $target in
	*.o | *.c | *.mk | *.dSYM) continue ;;
	esac
	[ -x "$target" ] || continue
	corpus=$srcdir/tests/fuzz/corpus/${target#tests/fuzz/fuzz_}
	if ! "./$target" -runs=0 "$corpus" >"$target.log" 2>&1; then
		echo "FAIL: $target"
		tail -n 20 "$target.log"
		status=1
	elif [ -n "${FUZZ_SECONDS:-}" ]; then
		found=$(mktemp -d)
		"./$target" -max_total_time="$FUZZ_SECONDS" \
			-artifact_prefix="$target-" "$found" "$corpus" \
			>"$target.log" 2>&1 || { tail -n 20 "$target.log"; status=1; }
		rm -r "$found"
	fi
done
exit $status
