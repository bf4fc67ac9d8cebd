# S/MIME
SMIME_TEST_LIBS = $(SMIME_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_smime
TESTS += tests/unit/test_smime
tests_unit_test_smime_SOURCES = tests/unit/test_smime.c \
	tests/unit/smime_rig.h tests/mock/ca.c tests/mock/ca.h
tests_unit_test_smime_CPPFLAGS = $(AM_CPPFLAGS) $(MIKEY_VECTORS)
tests_unit_test_smime_LDADD = $(SMIME_TEST_LIBS)

check_PROGRAMS += tests/unit/test_smime_bad
TESTS += tests/unit/test_smime_bad
tests_unit_test_smime_bad_SOURCES = tests/unit/test_smime_bad.c \
	tests/unit/smime_rig.h tests/mock/ca.c tests/mock/ca.h \
	tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_smime_bad_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_smime_bad_LDADD = $(SMIME_TEST_LIBS)

check_PROGRAMS += tests/unit/test_smime_whose
TESTS += tests/unit/test_smime_whose
tests_unit_test_smime_whose_SOURCES = tests/unit/test_smime_whose.c \
	tests/unit/smime_rig.h tests/mock/ca.c tests/mock/ca.h \
	tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_smime_whose_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_smime_whose_LDADD = $(SMIME_TEST_LIBS)

check_PROGRAMS += tests/unit/test_clerk_body
TESTS += tests/unit/test_clerk_body
tests_unit_test_clerk_body_SOURCES = tests/unit/test_clerk_body.c \
	tests/mock/modules.c \
	tests/unit/clerk_rig.c tests/unit/clerk_rig.h \
	tests/mock/ca.c tests/mock/ca.h
tests_unit_test_clerk_body_LDADD = $(KEEPER_LIBS) $(SMIME_LIBS) \
	$(MIKEY_LIBS) $(FRAME_LIBS) $(JANSSON_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_clerk_whole
TESTS += tests/unit/test_clerk_whole
tests_unit_test_clerk_whole_SOURCES = tests/unit/test_clerk_whole.c \
	tests/mock/modules.c \
	tests/unit/clerk_rig.c tests/unit/clerk_rig.h \
	tests/mock/ca.c tests/mock/ca.h \
	tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_clerk_whole_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_clerk_whole_LDADD = $(tests_unit_test_clerk_body_LDADD)

check_PROGRAMS += tests/unit/test_clerk_connected
TESTS += tests/unit/test_clerk_connected
tests_unit_test_clerk_connected_SOURCES = tests/unit/test_clerk_connected.c \
	tests/mock/modules.c \
	tests/unit/clerk_rig.c tests/unit/clerk_rig.h \
	tests/mock/ca.c tests/mock/ca.h \
	tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_clerk_connected_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_clerk_connected_LDADD = $(tests_unit_test_clerk_body_LDADD)

# Programs that are not ours open what we seal, and the other way.
check_PROGRAMS += tests/call/smime_sample
tests_call_smime_sample_SOURCES = tests/call/smime_sample.c
tests_call_smime_sample_LDADD = $(SMIME_LIBS) $(BASE_LIBS)
TESTS += tests/call/smime_oracles.sh
EXTRA_DIST += tests/call/smime_oracles.sh

# What must not open, sent to the daemon, and calls of ours to a foreign end.
TESTS += tests/call/test_smime_bad.py tests/call/test_smime_far.py
EXTRA_DIST += tests/call/test_smime_bad.py tests/call/test_smime_far.py \
	tests/call/smimefar.py

# Not run by "make check": what a body costs.
noinst_PROGRAMS += bench/smime_bench
bench_smime_bench_SOURCES = bench/smime_bench.c tests/mock/ca.c tests/mock/ca.h
bench_smime_bench_LDADD = $(SMIME_LIBS) $(BASE_LIBS)

noinst_PROGRAMS += bench/smime_bytes
bench_smime_bytes_SOURCES = bench/smime_bytes.c tests/mock/ca.c \
	tests/mock/ca.h tests/mock/modules.c
bench_smime_bytes_LDADD = $(KEEPER_LIBS) $(SMIME_LIBS) $(MIKEY_LIBS) \
	$(FRAME_LIBS) $(JANSSON_LIBS)

check_PROGRAMS += tests/unit/test_smime_binding
TESTS += tests/unit/test_smime_binding
tests_unit_test_smime_binding_SOURCES = tests/unit/test_smime_binding.c
tests_unit_test_smime_binding_LDADD = $(SMIME_TEST_LIBS)
