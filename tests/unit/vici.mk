# VICI
VICI_TESTS = tests/unit/test_vici_ask tests/unit/test_vici_client \
	tests/unit/test_vici_hear tests/unit/test_vici_ike \
	tests/unit/test_vici_message tests/unit/test_vici_reason \
	tests/unit/test_vici_sa
VICI_MOCK = tests/mock/alloc.c tests/mock/alloc.h \
	tests/mock/charon.c tests/mock/charon.h \
	tests/mock/vici_text.c tests/mock/vici_text.h
VICI_TEST_LIBS = $(VICI_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += $(VICI_TESTS)
TESTS += $(VICI_TESTS)
tests_unit_test_vici_ask_SOURCES = tests/unit/test_vici_ask.c $(VICI_MOCK)
tests_unit_test_vici_ask_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_vici_ask_LDADD = $(VICI_TEST_LIBS)
tests_unit_test_vici_client_SOURCES = tests/unit/test_vici_client.c \
	$(VICI_MOCK)
tests_unit_test_vici_client_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_vici_client_LDADD = $(VICI_TEST_LIBS)
tests_unit_test_vici_hear_SOURCES = tests/unit/test_vici_hear.c $(VICI_MOCK)
tests_unit_test_vici_hear_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_vici_hear_LDADD = $(VICI_TEST_LIBS)
tests_unit_test_vici_ike_SOURCES = tests/unit/test_vici_ike.c $(VICI_MOCK)
tests_unit_test_vici_ike_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_vici_ike_LDADD = $(VICI_TEST_LIBS)
tests_unit_test_vici_message_SOURCES = tests/unit/test_vici_message.c \
	tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_vici_message_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_vici_message_LDADD = $(VICI_TEST_LIBS)
tests_unit_test_vici_reason_SOURCES = tests/unit/test_vici_reason.c \
	tests/mock/vici_text.c tests/mock/vici_text.h
tests_unit_test_vici_reason_LDADD = $(VICI_TEST_LIBS)
tests_unit_test_vici_sa_SOURCES = tests/unit/test_vici_sa.c \
	tests/mock/vici_text.c tests/mock/vici_text.h
tests_unit_test_vici_sa_CPPFLAGS = $(AM_CPPFLAGS) \
	-DCORPUS='"$(abs_top_srcdir)/tests/fuzz/corpus/vici"'
tests_unit_test_vici_sa_LDADD = $(VICI_TEST_LIBS)

# by "make" already: tests/live/vici and tests/live/ike drive them
noinst_PROGRAMS += tests/mock/vici_shell
tests_mock_vici_shell_SOURCES = tests/mock/vici_shell.c \
	tests/mock/vici_text.c tests/mock/vici_text.h
tests_mock_vici_shell_LDADD = $(VICI_LIBS) $(BASE_LIBS)
noinst_PROGRAMS += tests/mock/ike_shell
tests_mock_ike_shell_SOURCES = tests/mock/ike_shell.c
tests_mock_ike_shell_LDADD = $(VICI_LIBS) $(BASE_LIBS)

# what calls use of it
check_PROGRAMS += tests/unit/test_uses
TESTS += tests/unit/test_uses
tests_unit_test_uses_SOURCES = tests/unit/test_uses.c \
	tests/mock/alloc.c tests/mock/alloc.h tests/mock/modules.c
tests_unit_test_uses_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_uses_LDADD = $(TUNNEL_LIBS) $(FRAME_LIBS) $(UNIT_LIBS)
# certificates of IKE
check_PROGRAMS += tests/unit/test_ikecert
TESTS += tests/unit/test_ikecert
tests_unit_test_ikecert_SOURCES = tests/unit/test_ikecert.c \
	tests/mock/ca.c tests/mock/ca.h
tests_unit_test_ikecert_LDADD = $(FRAME_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_vici_standing
TESTS += tests/unit/test_vici_standing
tests_unit_test_vici_standing_SOURCES = tests/unit/test_vici_standing.c \
	$(VICI_MOCK) tests/mock/ca.c tests/mock/ca.h tests/mock/modules.c
tests_unit_test_vici_standing_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_vici_standing_LDADD = modules/vici/libvicimodule.a \
	$(VICI_LIBS) $(FRAME_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_vici_found
TESTS += tests/unit/test_vici_found
tests_unit_test_vici_found_SOURCES = tests/unit/test_vici_found.c \
	$(VICI_MOCK) tests/mock/ca.c tests/mock/ca.h tests/mock/modules.c
tests_unit_test_vici_found_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_vici_found_LDADD = modules/vici/libvicimodule.a \
	$(VICI_LIBS) $(FRAME_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_vici_renew
TESTS += tests/unit/test_vici_renew
tests_unit_test_vici_renew_SOURCES = tests/unit/test_vici_renew.c \
	$(VICI_MOCK) tests/mock/ca.c tests/mock/ca.h tests/mock/modules.c
tests_unit_test_vici_renew_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_vici_renew_LDADD = modules/vici/libvicimodule.a \
	$(VICI_LIBS) $(FRAME_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_vici_own
TESTS += tests/unit/test_vici_own
tests_unit_test_vici_own_SOURCES = tests/unit/test_vici_own.c \
	$(VICI_MOCK) tests/mock/modules.c
tests_unit_test_vici_own_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_vici_own_LDADD = modules/vici/libvicimodule.a \
	$(VICI_LIBS) $(FRAME_LIBS) $(UNIT_LIBS)
