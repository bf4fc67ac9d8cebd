# bench: side-by-side measurements; nothing here is installed or run by
# "make check". RESULTS.md says how to repeat each figure.
EXTRA_PROGRAMS =
EXTRA_DIST += \
	bench/signalling/bench.py bench/signalling/beside.py \
	bench/signalling/bytes.py bench/signalling/sealed_bytes.py \
	bench/signalling/delays.py \
	bench/signalling/procs.py bench/signalling/targets.py \
	bench/signalling/kamailio.cfg bench/signalling/uac.xml \
	bench/signalling/uas.xml bench/tunnel/bytes.py \
	bench/tunnel/delays.py bench/tunnel/emulated bench/tunnel/esp.py \
	bench/tunnel/ike.py
EXTRA_DIST += bench/registration/bench.py bench/registration/phones.py \
	bench/registration/kamailio.cfg
include bench/transform.mk
include bench/relay.mk

EXTRA_PROGRAMS += bench/rank_bench
bench_rank_bench_SOURCES = bench/rank_bench.c
bench_rank_bench_LDADD = $(BASE_LIBS)
