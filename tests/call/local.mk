# call
# The parent with real children, as an operator meets them.
TESTS += tests/call/parent.py
EXTRA_DIST += tests/call/parent.py
check_PROGRAMS += tests/mock/oddseald
tests_mock_oddseald_SOURCES = tests/mock/odd.c tests/mock/modules.c \
	daemon/parent/files.c daemon/parent/listfile.c \
	daemon/parent/main.c daemon/parent/orders.c \
	daemon/parent/parent.c \
	daemon/parent/ikefiles.c \
	daemon/parent/parent.h daemon/parent/remind.c \
	daemon/parent/supervise.c daemon/parent/tlsfiles.c
tests_mock_oddseald_LDADD = $(GUARD_LIBS) $(FRAME_LIBS) $(SYSTEMD_LIBS) $(JANSSON_LIBS)
