# MIKEY that keys ESP
EXTRA_DIST += tests/vectors/mikey_esp_keys.json tests/vectors/mikey_esp_keys.py
check_PROGRAMS += tests/unit/test_mikey_esp
TESTS += tests/unit/test_mikey_esp
tests_unit_test_mikey_esp_SOURCES = tests/unit/test_mikey_esp.c \
	tests/unit/esp_pair.h tests/unit/mikey_vectors.h
tests_unit_test_mikey_esp_CPPFLAGS = $(AM_CPPFLAGS) $(MIKEY_VECTORS)
tests_unit_test_mikey_esp_LDADD = $(MIKEY_TEST_LIBS)
check_PROGRAMS += tests/unit/test_mikey_esp_psk
TESTS += tests/unit/test_mikey_esp_psk
tests_unit_test_mikey_esp_psk_SOURCES = tests/unit/test_mikey_esp_psk.c \
	tests/unit/esp_pair.h tests/unit/mikey_pair.h
tests_unit_test_mikey_esp_psk_LDADD = $(MIKEY_TEST_LIBS)
EXTRA_DIST += tests/vectors/mikey_ike_keys.json tests/vectors/mikey_ike_keys.py
check_PROGRAMS += tests/unit/test_mikey_ike
TESTS += tests/unit/test_mikey_ike
tests_unit_test_mikey_ike_SOURCES = tests/unit/test_mikey_ike.c \
	tests/unit/esp_pair.h tests/unit/mikey_pair.h \
	tests/unit/mikey_vectors.h
tests_unit_test_mikey_ike_CPPFLAGS = $(AM_CPPFLAGS) $(MIKEY_VECTORS)
tests_unit_test_mikey_ike_LDADD = $(MIKEY_TEST_LIBS)
check_PROGRAMS += tests/unit/test_mikey_esp_certs
TESTS += tests/unit/test_mikey_esp_certs
tests_unit_test_mikey_esp_certs_SOURCES = tests/unit/test_mikey_esp_certs.c \
	tests/unit/esp_pair.h tests/unit/cert_pair.h \
	tests/mock/ca.c tests/mock/ca.h
tests_unit_test_mikey_esp_certs_LDADD = $(MIKEY_TEST_LIBS)
check_PROGRAMS += tests/unit/test_mikey_within
TESTS += tests/unit/test_mikey_within
tests_unit_test_mikey_within_SOURCES = tests/unit/test_mikey_within.c \
	tests/unit/esp_pair.h tests/unit/mikey_pair.h \
	tests/unit/mikey_vectors.h
tests_unit_test_mikey_within_CPPFLAGS = $(AM_CPPFLAGS) $(MIKEY_VECTORS)
tests_unit_test_mikey_within_LDADD = $(MIKEY_TEST_LIBS)
EXTRA_DIST += tests/vectors/mikey_2005.json tests/vectors/mikey_2005.py \
	tests/vectors/mikey_2005_invite.txt
check_PROGRAMS += tests/unit/test_mikey_2005
TESTS += tests/unit/test_mikey_2005
tests_unit_test_mikey_2005_SOURCES = tests/unit/test_mikey_2005.c \
	tests/unit/esp_pair.h tests/unit/mikey_pair.h \
	tests/unit/mikey_vectors.h
tests_unit_test_mikey_2005_CPPFLAGS = $(AM_CPPFLAGS) $(MIKEY_VECTORS)
tests_unit_test_mikey_2005_LDADD = $(MIKEY_TEST_LIBS)
check_PROGRAMS += tests/unit/test_keyed
TESTS += tests/unit/test_keyed
tests_unit_test_keyed_SOURCES = tests/unit/test_keyed.c \
	tests/unit/mikey_vectors.h tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_keyed_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_keyed_CPPFLAGS = $(AM_CPPFLAGS) $(MIKEY_VECTORS)
tests_unit_test_keyed_LDADD = $(BASE_LIBS) $(JANSSON_LIBS) $(UNIT_LIBS)
