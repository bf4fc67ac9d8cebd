# The relay, CPU time a packet: built by "make relay-bench", run by run.py
EXTRA_PROGRAMS += bench/relay_host bench/relay_load
EXTRA_DIST += bench/relay/run.py
RELAY_BENCH_LIBS = $(SRTP_MODULE_LIBS) $(RTP_LIBS) $(FRAME_LIBS)
bench_relay_host_SOURCES = bench/relay/host.c bench/relay/flows.c \
	bench/relay/flows.h
bench_relay_host_LDADD = $(RELAY_LIBS) $(RELAY_BENCH_LIBS)
bench_relay_load_SOURCES = bench/relay/load.c bench/relay/flows.c \
	bench/relay/flows.h
bench_relay_load_LDADD = $(RELAY_BENCH_LIBS)
relay-bench: bench/relay_host bench/relay_load
.PHONY: relay-bench
