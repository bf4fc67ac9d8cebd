# xfrm
EXTRA_DIST += tests/vectors/iproute2_xfrm.txt
XFRM_TESTS = tests/unit/test_xfrm_request tests/unit/test_xfrm_reply
check_PROGRAMS += $(XFRM_TESTS)
TESTS += $(XFRM_TESTS)
tests_unit_test_xfrm_request_SOURCES = tests/unit/test_xfrm_request.c \
	tests/unit/xfrm_samples.h
tests_unit_test_xfrm_request_CPPFLAGS = $(AM_CPPFLAGS) $(MIKEY_VECTORS)
tests_unit_test_xfrm_request_LDADD = $(XFRM_LIBS) $(UNIT_LIBS)
tests_unit_test_xfrm_reply_SOURCES = tests/unit/test_xfrm_reply.c \
	tests/unit/xfrm_samples.h
tests_unit_test_xfrm_reply_CPPFLAGS = $(AM_CPPFLAGS) $(MIKEY_VECTORS)
tests_unit_test_xfrm_reply_LDADD = $(XFRM_LIBS) $(UNIT_LIBS)
