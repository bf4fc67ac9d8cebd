# registrar: the registrar of our own, and who may use it
check_PROGRAMS += tests/unit/test_nonce tests/unit/test_judge
TESTS += tests/unit/test_nonce tests/unit/test_judge
tests_unit_test_nonce_SOURCES = tests/unit/test_nonce.c \
	modules/sip/registrar/nonce.c
tests_unit_test_nonce_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_judge_SOURCES = tests/unit/test_judge.c
tests_unit_test_judge_LDADD = $(KEEPER_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_login
TESTS += tests/unit/test_login
tests_unit_test_login_SOURCES = tests/unit/test_login.c \
	tests/unit/filter_rig.c tests/unit/filter_rig.h \
	tests/mock/child.c tests/mock/loop.c
tests_unit_test_login_LDADD = $(ENGINE_LIBS) $(UNIT_LIBS)

# Phones against the module, judged as the keeper does.
TESTS += tests/call/test_sip_registrar.py tests/call/test_sip_fork.py \
	tests/call/test_sip_transfer.py
EXTRA_DIST += tests/call/test_sip_registrar.py tests/call/test_sip_fork.py \
	tests/call/test_sip_transfer.py \
	tests/call/sipphone.py
