# xfrm
EXTRA_DIST += tests/vectors/iproute2_xfrm.txt
XFRM_TESTS = tests/unit/test_xfrm_ledger tests/unit/test_xfrm_raise \
	tests/unit/test_xfrm_reply tests/unit/test_xfrm_request \
	tests/unit/test_xfrm_selector
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
tests_unit_test_xfrm_ledger_SOURCES = tests/unit/test_xfrm_ledger.c \
	tests/unit/xfrm_samples.h tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_xfrm_ledger_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_xfrm_ledger_LDADD = $(XFRM_LIBS) $(UNIT_LIBS)
tests_unit_test_xfrm_selector_SOURCES = tests/unit/test_xfrm_selector.c \
	tests/unit/xfrm_samples.h
tests_unit_test_xfrm_selector_LDADD = $(XFRM_LIBS) $(UNIT_LIBS)
tests_unit_test_xfrm_raise_SOURCES = tests/unit/test_xfrm_raise.c \
	tests/unit/xfrm_samples.h tests/mock/xfrmkernel.c tests/mock/xfrmkernel.h
tests_unit_test_xfrm_raise_LDADD = $(XFRM_LIBS) $(UNIT_LIBS)

# the tunnel process, and its module against a kernel of ours
TUNNEL_TESTS = tests/unit/test_tunnels tests/unit/test_tunnels_ike \
	tests/unit/test_tunnels_shared \
	tests/unit/test_xfrm_follow tests/unit/test_xfrm_foreign \
	tests/unit/test_xfrm_keep tests/unit/test_xfrm_pair
check_PROGRAMS += $(TUNNEL_TESTS)
TESTS += $(TUNNEL_TESTS)
TUNNELS_RIG = tests/unit/tunnels_rig.c tests/unit/tunnels_rig.h \
	tests/mock/maker.c tests/mock/maker.h
TUNNELS_RIG_LIBS = $(TUNNEL_LIBS) $(FRAME_LIBS) $(UNIT_LIBS) $(JANSSON_LIBS)
tests_unit_test_tunnels_SOURCES = tests/unit/test_tunnels.c $(TUNNELS_RIG)
tests_unit_test_tunnels_LDADD = $(TUNNELS_RIG_LIBS)
tests_unit_test_tunnels_ike_SOURCES = tests/unit/test_tunnels_ike.c \
	$(TUNNELS_RIG)
tests_unit_test_tunnels_ike_LDADD = $(TUNNELS_RIG_LIBS)
tests_unit_test_tunnels_shared_SOURCES = tests/unit/test_tunnels_shared.c \
	$(TUNNELS_RIG)
tests_unit_test_tunnels_shared_LDADD = $(TUNNELS_RIG_LIBS)
tests_unit_test_xfrm_pair_SOURCES = tests/unit/test_xfrm_pair.c \
	tests/mock/xfrmkernel.c tests/mock/xfrmkernel.h
tests_unit_test_xfrm_pair_LDADD = $(XFRM_LIBS) $(FRAME_LIBS) $(UNIT_LIBS) \
	$(JANSSON_LIBS)
tests_unit_test_xfrm_foreign_SOURCES = tests/unit/test_xfrm_foreign.c \
	tests/mock/xfrmkernel.c tests/mock/xfrmkernel.h
tests_unit_test_xfrm_foreign_LDADD = $(XFRM_LIBS) $(FRAME_LIBS) $(UNIT_LIBS) \
	$(JANSSON_LIBS)
tests_unit_test_xfrm_follow_SOURCES = tests/unit/test_xfrm_follow.c \
	tests/mock/xfrmkernel.c tests/mock/xfrmkernel.h
tests_unit_test_xfrm_follow_LDADD = $(XFRM_LIBS) $(FRAME_LIBS) $(UNIT_LIBS) \
	$(JANSSON_LIBS)
tests_unit_test_xfrm_keep_SOURCES = tests/unit/test_xfrm_keep.c \
	tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_xfrm_keep_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_xfrm_keep_LDADD = $(XFRM_LIBS) $(UNIT_LIBS)
