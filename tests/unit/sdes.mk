# SDES
EXTRA_DIST += tests/vectors/rfc4568_sdes.json

check_PROGRAMS += tests/unit/test_sdes
TESTS += tests/unit/test_sdes
tests_unit_test_sdes_SOURCES = tests/unit/test_sdes.c \
	tests/unit/mikey_vectors.h tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_sdes_CPPFLAGS = $(AM_CPPFLAGS) $(MIKEY_VECTORS)
tests_unit_test_sdes_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_sdes_LDADD = $(SDES_LIBS) $(BASE_LIBS) $(JANSSON_LIBS) \
	$(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_clerk_sdes
TESTS += tests/unit/test_clerk_sdes
tests_unit_test_clerk_sdes_SOURCES = tests/unit/test_clerk_sdes.c \
	tests/unit/clerk_rig.c tests/unit/clerk_rig.h
tests_unit_test_clerk_sdes_LDADD = $(KEEPER_LIBS) $(SDES_LIBS) \
	$(MIKEY_TEST_LIBS)

check_PROGRAMS += tests/unit/test_clerk_veil
TESTS += tests/unit/test_clerk_veil
tests_unit_test_clerk_veil_SOURCES = tests/unit/test_clerk_veil.c \
	tests/unit/clerk_rig.c tests/unit/clerk_rig.h \
	tests/mock/ca.c tests/mock/ca.h
tests_unit_test_clerk_veil_LDADD = $(KEEPER_LIBS) $(SDES_LIBS) \
	$(MIKEY_TEST_LIBS)
