# What the keeper knows of far ends, and whom it trusts.
check_PROGRAMS += tests/unit/test_memory
TESTS += tests/unit/test_memory
tests_unit_test_memory_SOURCES = tests/unit/test_memory.c \
	tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_memory_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_memory_LDADD = $(KEEPER_LIBS) $(MIKEY_TEST_LIBS)
