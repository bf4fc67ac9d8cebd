# RTP, RTCP, indexes and the transforms
SRTP_TESTS = tests/unit/test_rtp tests/unit/test_rtcp tests/unit/test_index
check_PROGRAMS += $(SRTP_TESTS)
TESTS += $(SRTP_TESTS)
tests_unit_test_rtp_SOURCES = tests/unit/test_rtp.c
tests_unit_test_rtp_LDADD = $(RTP_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_rtcp_SOURCES = tests/unit/test_rtcp.c
tests_unit_test_rtcp_LDADD = $(RTP_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_index_SOURCES = tests/unit/test_index.c
tests_unit_test_index_LDADD = $(RTP_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
