# MIME
EXTRA_DIST += tests/vectors/rfc6216
check_PROGRAMS += tests/unit/test_mime tests/unit/test_mime_choice
TESTS += tests/unit/test_mime tests/unit/test_mime_choice
tests_unit_test_mime_SOURCES = tests/unit/test_mime.c \
	tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_mime_CPPFLAGS = $(AM_CPPFLAGS) $(MIKEY_VECTORS)
tests_unit_test_mime_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_mime_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_mime_choice_SOURCES = tests/unit/test_mime_choice.c
tests_unit_test_mime_choice_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
