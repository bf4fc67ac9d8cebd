# relay: its parts alone, then packets through all of it
RELAY_TESTS = tests/unit/test_relay_media
check_PROGRAMS += $(RELAY_TESTS)
TESTS += $(RELAY_TESTS)
RELAY_TEST_LIBS = $(RELAY_LIBS) $(SRTP_MODULE_LIBS) $(FRAME_LIBS) $(UNIT_LIBS)
RELAY_RIG = tests/mock/relayrig.c tests/mock/relayrig.h
tests_unit_test_relay_media_SOURCES = tests/unit/test_relay_media.c $(RELAY_RIG)
tests_unit_test_relay_media_LDADD = $(RELAY_TEST_LIBS)
