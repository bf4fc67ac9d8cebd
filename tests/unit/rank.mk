# negotiation by priority
check_PROGRAMS += tests/unit/test_rank
TESTS += tests/unit/test_rank
tests_unit_test_rank_SOURCES = tests/unit/test_rank.c
tests_unit_test_rank_LDADD = $(BASE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_alternatives
TESTS += tests/unit/test_alternatives
tests_unit_test_alternatives_SOURCES = tests/unit/test_alternatives.c \
	tests/unit/clerk_rig.c tests/unit/clerk_rig.h
tests_unit_test_alternatives_LDADD = $(KEEPER_LIBS) $(MIKEY_TEST_LIBS)

# the same against a man in the middle: an exhaustive search
check_PROGRAMS += tests/model/test_negotiation
TESTS += tests/model/test_negotiation
tests_model_test_negotiation_SOURCES = tests/model/test_negotiation.c
tests_model_test_negotiation_LDADD = $(KEEPER_LIBS) $(MIKEY_TEST_LIBS)
