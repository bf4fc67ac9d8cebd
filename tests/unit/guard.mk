# guard: who is let in
check_PROGRAMS += tests/unit/test_tally tests/unit/test_screen \
	tests/unit/test_guard
TESTS += tests/unit/test_tally tests/unit/test_screen tests/unit/test_guard
tests_unit_test_tally_SOURCES = tests/unit/test_tally.c
tests_unit_test_tally_LDADD = $(GUARD_LIBS) $(FRAME_LIBS) $(UNIT_LIBS)
tests_unit_test_screen_SOURCES = tests/unit/test_screen.c tests/mock/modules.c
tests_unit_test_screen_LDADD = $(GUARD_LIBS) $(FRAME_LIBS) $(UNIT_LIBS)
tests_unit_test_guard_SOURCES = tests/unit/test_guard.c tests/mock/modules.c
tests_unit_test_guard_LDADD = $(GUARD_LIBS) $(FRAME_LIBS) $(JANSSON_LIBS) \
	$(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_emergency
TESTS += tests/unit/test_emergency
tests_unit_test_emergency_SOURCES = tests/unit/test_emergency.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_emergency_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_admit
TESTS += tests/unit/test_admit
tests_unit_test_admit_SOURCES = tests/unit/test_admit.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_admit_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_rank_header
TESTS += tests/unit/test_rank_header
tests_unit_test_rank_header_SOURCES = tests/unit/test_rank_header.c \
	modules/sip/border/rank.c
tests_unit_test_rank_header_CFLAGS = $(AM_CFLAGS) $(SOFIA_CFLAGS)
tests_unit_test_rank_header_LDADD = $(SOFIA_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_origin
TESTS += tests/unit/test_origin
tests_unit_test_origin_SOURCES = tests/unit/test_origin.c \
	modules/sip/message/origin.c
tests_unit_test_origin_CFLAGS = $(AM_CFLAGS) $(SOFIA_CFLAGS)
tests_unit_test_origin_LDADD = $(SOFIA_LIBS) $(UNIT_LIBS)
