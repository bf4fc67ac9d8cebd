# VICI
VICI_TESTS = tests/unit/test_vici_client tests/unit/test_vici_message
check_PROGRAMS += $(VICI_TESTS)
TESTS += $(VICI_TESTS)
tests_unit_test_vici_message_SOURCES = tests/unit/test_vici_message.c \
	tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_vici_message_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_vici_message_LDADD = $(VICI_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_vici_client_SOURCES = tests/unit/test_vici_client.c \
	tests/mock/alloc.c tests/mock/alloc.h \
	tests/mock/charon.c tests/mock/charon.h
tests_unit_test_vici_client_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_vici_client_LDADD = $(VICI_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
