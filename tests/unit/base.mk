# base: each file of daemon/base that has logic
BASE_TESTS = tests/unit/test_addr tests/unit/test_buf tests/unit/test_conf \
	tests/unit/test_digest tests/unit/test_digest_users \
	tests/unit/test_esp tests/unit/test_hex \
	tests/unit/test_log tests/unit/test_secret tests/unit/test_suite
check_PROGRAMS += $(BASE_TESTS)
TESTS += $(BASE_TESTS)
tests_unit_test_addr_SOURCES = tests/unit/test_addr.c
tests_unit_test_addr_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_buf_SOURCES = tests/unit/test_buf.c
tests_unit_test_buf_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_conf_SOURCES = tests/unit/test_conf.c \
	tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_conf_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_conf_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_digest_SOURCES = tests/unit/test_digest.c
tests_unit_test_digest_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_digest_users_SOURCES = tests/unit/test_digest_users.c \
	tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_digest_users_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_digest_users_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_hex_SOURCES = tests/unit/test_hex.c
tests_unit_test_hex_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_log_SOURCES = tests/unit/test_log.c
tests_unit_test_log_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_secret_SOURCES = tests/unit/test_secret.c
tests_unit_test_secret_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_suite_SOURCES = tests/unit/test_suite.c
tests_unit_test_suite_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_esp_SOURCES = tests/unit/test_esp.c
tests_unit_test_esp_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
