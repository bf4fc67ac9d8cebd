# relay: its parts alone, then packets through all of it
RELAY_TESTS = tests/unit/test_relay_keys tests/unit/test_relay_learn \
	tests/unit/test_relay_media tests/unit/test_relay_memory \
	tests/unit/test_relay_packet tests/unit/test_relay_ports \
	tests/unit/test_relay_transmit tests/unit/test_relay_tunnel
check_PROGRAMS += $(RELAY_TESTS)
TESTS += $(RELAY_TESTS)
RELAY_TEST_LIBS = $(RELAY_LIBS) $(SRTP_MODULE_LIBS) $(FRAME_LIBS) $(UNIT_LIBS)
RELAY_RIG = tests/mock/relayrig.c tests/mock/relayrig.h
tests_unit_test_relay_keys_SOURCES = tests/unit/test_relay_keys.c $(RELAY_RIG)
tests_unit_test_relay_keys_LDADD = $(RELAY_TEST_LIBS)
tests_unit_test_relay_learn_SOURCES = tests/unit/test_relay_learn.c
tests_unit_test_relay_learn_LDADD = $(RELAY_TEST_LIBS)
tests_unit_test_relay_tunnel_SOURCES = tests/unit/test_relay_tunnel.c \
	$(RELAY_RIG)
tests_unit_test_relay_tunnel_LDADD = $(RELAY_TEST_LIBS)
tests_unit_test_relay_media_SOURCES = tests/unit/test_relay_media.c $(RELAY_RIG)
tests_unit_test_relay_media_LDADD = $(RELAY_TEST_LIBS)
tests_unit_test_relay_ports_SOURCES = tests/unit/test_relay_ports.c
tests_unit_test_relay_ports_LDADD = $(RELAY_TEST_LIBS)
tests_unit_test_relay_transmit_SOURCES = tests/unit/test_relay_transmit.c
tests_unit_test_relay_transmit_LDADD = $(RELAY_TEST_LIBS)
tests_unit_test_relay_packet_SOURCES = tests/unit/test_relay_packet.c
tests_unit_test_relay_packet_LDADD = $(RELAY_TEST_LIBS)
tests_unit_test_relay_memory_SOURCES = tests/unit/test_relay_memory.c \
	tests/mock/alloc.c
tests_unit_test_relay_memory_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_relay_memory_LDADD = $(RELAY_TEST_LIBS)
