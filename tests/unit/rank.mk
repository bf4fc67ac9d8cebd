# negotiation by priority
check_PROGRAMS += tests/unit/test_rank
TESTS += tests/unit/test_rank
tests_unit_test_rank_SOURCES = tests/unit/test_rank.c
tests_unit_test_rank_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
