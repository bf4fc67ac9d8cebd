# RTP, RTCP, indexes and the transforms
SRTP_TESTS = tests/unit/test_evp tests/unit/test_rtp tests/unit/test_rtcp \
	tests/unit/test_index tests/unit/test_srtp_vectors \
	tests/unit/test_srtp_oracle tests/unit/test_srtp_module \
	tests/unit/test_srtp_rate
check_PROGRAMS += $(SRTP_TESTS)
TESTS += $(SRTP_TESTS)
EXTRA_DIST += tests/vectors/rfc3711_srtp.json \
	tests/vectors/rfc6188_aes192_256.json tests/vectors/rfc7714_gcm.json
tests_unit_test_rtp_SOURCES = tests/unit/test_rtp.c
tests_unit_test_rtp_LDADD = $(RTP_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_rtcp_SOURCES = tests/unit/test_rtcp.c
tests_unit_test_rtcp_LDADD = $(RTP_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_index_SOURCES = tests/unit/test_index.c
tests_unit_test_index_LDADD = $(RTP_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_srtp_vectors_SOURCES = tests/unit/test_srtp_vectors.c
tests_unit_test_srtp_vectors_CPPFLAGS = $(AM_CPPFLAGS) \
	-DVECTORS='"$(abs_top_srcdir)/tests/vectors"'
tests_unit_test_srtp_vectors_LDADD = $(BASE_LIBS) $(JANSSON_LIBS) $(UNIT_LIBS)
tests_unit_test_srtp_oracle_SOURCES = tests/unit/test_srtp_oracle.c
tests_unit_test_srtp_oracle_LDADD = $(SRTP_MODULE_LIBS) $(RTP_LIBS) \
	$(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_evp_SOURCES = tests/unit/test_evp.c
tests_unit_test_evp_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_srtp_module_SOURCES = tests/unit/test_srtp_module.c \
	tests/mock/modules.c
tests_unit_test_srtp_module_LDADD = $(SRTP_MODULE_LIBS) $(FRAME_LIBS) \
	$(UNIT_LIBS)
tests_unit_test_srtp_rate_SOURCES = tests/unit/test_srtp_rate.c
tests_unit_test_srtp_rate_LDADD = $(SRTP_MODULE_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
