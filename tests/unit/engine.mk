# engine. The pieces link without Sofia: tests/mock has loop and child.
EXTRA_DIST += tests/vectors/sdp tests/mock/child.h

check_PROGRAMS += tests/unit/test_sdp
TESTS += tests/unit/test_sdp
tests_unit_test_sdp_SOURCES = tests/unit/test_sdp.c
tests_unit_test_sdp_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_sdpike
TESTS += tests/unit/test_sdpike
tests_unit_test_sdpike_SOURCES = tests/unit/test_sdpike.c
tests_unit_test_sdpike_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_sdpcan
TESTS += tests/unit/test_sdpcan
tests_unit_test_sdpcan_SOURCES = tests/unit/test_sdpcan.c
tests_unit_test_sdpcan_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_discover
TESTS += tests/unit/test_discover
tests_unit_test_discover_SOURCES = tests/unit/test_discover.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_discover_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_sdppre
TESTS += tests/unit/test_sdppre
tests_unit_test_sdppre_SOURCES = tests/unit/test_sdppre.c
tests_unit_test_sdppre_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_filter_ike
TESTS += tests/unit/test_filter_ike
tests_unit_test_filter_ike_SOURCES = tests/unit/test_filter_ike.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_filter_ike_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_filter_before
TESTS += tests/unit/test_filter_before
tests_unit_test_filter_before_SOURCES = tests/unit/test_filter_before.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_filter_before_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_filter_ikesdp
TESTS += tests/unit/test_filter_ikesdp
tests_unit_test_filter_ikesdp_SOURCES = tests/unit/test_filter_ikesdp.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_filter_ikesdp_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_filter_ikebefore
TESTS += tests/unit/test_filter_ikebefore
tests_unit_test_filter_ikebefore_SOURCES = \
	tests/unit/test_filter_ikebefore.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_filter_ikebefore_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_filter_late
TESTS += tests/unit/test_filter_late
tests_unit_test_filter_late_SOURCES = tests/unit/test_filter_late.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_filter_late_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_filter_tunnel
TESTS += tests/unit/test_filter_tunnel
tests_unit_test_filter_tunnel_SOURCES = tests/unit/test_filter_tunnel.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h tests/unit/tunnel_calls.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_filter_tunnel_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_filter_within
TESTS += tests/unit/test_filter_within
tests_unit_test_filter_within_SOURCES = tests/unit/test_filter_within.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h tests/unit/tunnel_calls.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_filter_within_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_filter_net
TESTS += tests/unit/test_filter_net
tests_unit_test_filter_net_SOURCES = tests/unit/test_filter_net.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_filter_net_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_filter_early
TESTS += tests/unit/test_filter_early
tests_unit_test_filter_early_SOURCES = tests/unit/test_filter_early.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_filter_early_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_filter_lines
TESTS += tests/unit/test_filter_lines
tests_unit_test_filter_lines_SOURCES = tests/unit/test_filter_lines.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_filter_lines_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_setup
TESTS += tests/unit/test_setup
tests_unit_test_setup_SOURCES = tests/unit/test_setup.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_setup_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_filter
TESTS += tests/unit/test_filter
tests_unit_test_filter_SOURCES = tests/unit/test_filter.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_filter_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_filter_sdes
TESTS += tests/unit/test_filter_sdes
tests_unit_test_filter_sdes_SOURCES = tests/unit/test_filter_sdes.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_filter_sdes_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_hop
TESTS += tests/unit/test_hop
tests_unit_test_hop_SOURCES = tests/unit/test_hop.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_hop_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_sealing
TESTS += tests/unit/test_sealing
tests_unit_test_sealing_SOURCES = tests/unit/test_sealing.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_sealing_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_verdict
TESTS += tests/unit/test_verdict
tests_unit_test_verdict_SOURCES = tests/unit/test_verdict.c
tests_unit_test_verdict_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_call_memory
TESTS += tests/unit/test_call_memory
tests_unit_test_call_memory_SOURCES = tests/unit/test_call_memory.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/alloc.c tests/mock/alloc.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_call_memory_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_call_memory_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_route
TESTS += tests/unit/test_route
tests_unit_test_route_SOURCES = tests/unit/test_route.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_route_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_rekey
TESTS += tests/unit/test_rekey
tests_unit_test_rekey_SOURCES = tests/unit/test_rekey.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_rekey_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_redirect
TESTS += tests/unit/test_redirect
tests_unit_test_redirect_SOURCES = tests/unit/test_redirect.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_redirect_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)
