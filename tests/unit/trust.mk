# What the keeper knows of far ends, and whom it trusts.
check_PROGRAMS += tests/unit/test_memory
TESTS += tests/unit/test_memory
tests_unit_test_memory_SOURCES = tests/unit/test_memory.c \
	tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_memory_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_memory_LDADD = $(KEEPER_LIBS) $(MIKEY_TEST_LIBS)

check_PROGRAMS += tests/unit/test_ecdsa
TESTS += tests/unit/test_ecdsa
tests_unit_test_ecdsa_SOURCES = tests/unit/test_ecdsa.c \
	tests/unit/cert_pair.h tests/mock/ca.c tests/mock/ca.h
tests_unit_test_ecdsa_LDADD = $(MIKEY_TEST_LIBS)

check_PROGRAMS += tests/unit/test_trust
TESTS += tests/unit/test_trust
tests_unit_test_trust_SOURCES = tests/unit/test_trust.c \
	tests/unit/cert_pair.h tests/mock/ca.c tests/mock/ca.h
tests_unit_test_trust_LDADD = $(MIKEY_TEST_LIBS)

check_PROGRAMS += tests/unit/test_verified
TESTS += tests/unit/test_verified
tests_unit_test_verified_SOURCES = tests/unit/test_verified.c \
	tests/unit/cert_pair.h tests/mock/ca.c tests/mock/ca.h
tests_unit_test_verified_LDADD = $(MIKEY_TEST_LIBS)
