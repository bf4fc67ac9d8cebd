# RTP, RTCP and SRTP
FUZZ_TARGETS += tests/fuzz/fuzz_rtp tests/fuzz/fuzz_rtcp tests/fuzz/fuzz_srtp
tests_fuzz_fuzz_rtp_SOURCES = tests/fuzz/fuzz_rtp.c $(FUZZ_MAIN)
tests_fuzz_fuzz_rtp_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_rtp_LDADD = $(RTP_LIBS) $(BASE_LIBS)

tests_fuzz_fuzz_rtcp_SOURCES = tests/fuzz/fuzz_rtcp.c $(FUZZ_MAIN)
tests_fuzz_fuzz_rtcp_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_rtcp_LDADD = $(RTP_LIBS) $(BASE_LIBS)

tests_fuzz_fuzz_srtp_SOURCES = tests/fuzz/fuzz_srtp.c $(FUZZ_MAIN)
tests_fuzz_fuzz_srtp_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_srtp_LDADD = $(SRTP_MODULE_LIBS) $(RTP_LIBS) $(BASE_LIBS)
