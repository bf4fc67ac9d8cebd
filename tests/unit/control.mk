# control
check_PROGRAMS += tests/unit/test_control
TESTS += tests/unit/test_control
tests_unit_test_control_SOURCES = tests/unit/test_control.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_control_LDADD = $(CONTROL_LIBS) $(UNIT_LIBS)

# It runs ctl/callsealctl, which "make check" has built by then.
check_PROGRAMS += tests/unit/test_ctl
TESTS += tests/unit/test_ctl
tests_unit_test_ctl_SOURCES = tests/unit/test_ctl.c
tests_unit_test_ctl_LDADD = $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_extract
TESTS += tests/unit/test_extract
tests_unit_test_extract_SOURCES = tests/unit/test_extract.c \
	ctl/dump.c ctl/dump.h ctl/extract.c ctl/extract.h
tests_unit_test_extract_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
