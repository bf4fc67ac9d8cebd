# The transforms, ns a packet
check_PROGRAMS += bench/transform_bench bench/hmac_bench
bench_transform_bench_SOURCES = bench/transform_bench.c
bench_transform_bench_LDADD = $(SRTP_MODULE_LIBS) $(RTP_LIBS) $(BASE_LIBS)
check_PROGRAMS += bench/srtp_packet
bench_srtp_packet_SOURCES = bench/tunnel/srtp_packet.c
bench_srtp_packet_LDADD = $(SRTP_MODULE_LIBS) $(RTP_LIBS) $(BASE_LIBS)
bench_hmac_bench_SOURCES = bench/hmac_bench.c
bench_hmac_bench_LDADD = $(CRYPTO_LIBS)
