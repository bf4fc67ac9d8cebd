# registrar: the registrar of our own, and who may use it
check_PROGRAMS += tests/unit/test_judge
TESTS += tests/unit/test_judge
tests_unit_test_judge_SOURCES = tests/unit/test_judge.c
tests_unit_test_judge_LDADD = $(KEEPER_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
