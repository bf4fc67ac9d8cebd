# frame: what parent and children share
FRAME_TESTS = tests/unit/test_policy tests/unit/test_settings \
	tests/unit/test_ipc tests/unit/test_module tests/unit/test_confine \
	tests/unit/test_child
check_PROGRAMS += $(FRAME_TESTS)
TESTS += $(FRAME_TESTS)
ALLOC_SOURCES = tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_policy_SOURCES = tests/unit/test_policy.c $(ALLOC_SOURCES)
tests_unit_test_policy_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_policy_LDADD = $(FRAME_LIBS) $(UNIT_LIBS)
tests_unit_test_settings_SOURCES = tests/unit/test_settings.c \
	tests/mock/modules.c
tests_unit_test_settings_LDADD = $(FRAME_LIBS) $(UNIT_LIBS)
tests_unit_test_ipc_SOURCES = tests/unit/test_ipc.c $(ALLOC_SOURCES)
tests_unit_test_ipc_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_ipc_LDADD = $(FRAME_LIBS) $(UNIT_LIBS)
tests_unit_test_module_SOURCES = tests/unit/test_module.c
tests_unit_test_module_LDADD = $(FRAME_LIBS) $(UNIT_LIBS)
tests_unit_test_confine_SOURCES = tests/unit/test_confine.c
tests_unit_test_confine_LDADD = $(FRAME_LIBS) $(UNIT_LIBS)
tests_unit_test_child_SOURCES = tests/unit/test_child.c tests/mock/modules.c
tests_unit_test_child_LDADD = $(FRAME_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_account
TESTS += tests/unit/test_account
tests_unit_test_account_SOURCES = tests/unit/test_account.c \
	daemon/keeper/account/answer.c
tests_unit_test_account_LDADD = $(FRAME_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_ikekey
TESTS += tests/unit/test_ikekey
tests_unit_test_ikekey_SOURCES = tests/unit/test_ikekey.c \
	daemon/keeper/account/ikekey.c
tests_unit_test_ikekey_LDADD = $(FRAME_LIBS) $(UNIT_LIBS)
