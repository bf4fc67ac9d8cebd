# MIKEY and the keeper
check_PROGRAMS += tests/unit/test_mikey_psk
TESTS += tests/unit/test_mikey_psk
tests_unit_test_mikey_psk_SOURCES = tests/unit/test_mikey_psk.c
tests_unit_test_mikey_psk_LDADD = $(MIKEY_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
