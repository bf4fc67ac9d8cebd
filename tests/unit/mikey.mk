# MIKEY and the keeper
MIKEY_VECTORS = -DVECTOR_DIR='"$(abs_top_srcdir)/tests/vectors"'
MIKEY_TEST_LIBS = $(MIKEY_LIBS) $(BASE_LIBS) $(JANSSON_LIBS) $(UNIT_LIBS)
EXTRA_DIST += \
	tests/vectors/rfc3830_prf_computed.json \
	tests/vectors/rfc4567_mikey_messages.json \
	tests/vectors/rfc5903_ecdh.json \
	tests/vectors/gstmikey_messages.json

check_PROGRAMS += tests/unit/test_mikey_message tests/unit/test_mikey_parts \
	tests/unit/test_mikey_psk tests/unit/test_mikey_odd
TESTS += tests/unit/test_mikey_message tests/unit/test_mikey_parts \
	tests/unit/test_mikey_psk tests/unit/test_mikey_odd

tests_unit_test_mikey_message_SOURCES = tests/unit/test_mikey_message.c \
	tests/unit/mikey_vectors.h
tests_unit_test_mikey_message_CPPFLAGS = $(AM_CPPFLAGS) $(MIKEY_VECTORS)
tests_unit_test_mikey_message_LDADD = $(MIKEY_TEST_LIBS)

tests_unit_test_mikey_parts_SOURCES = tests/unit/test_mikey_parts.c \
	tests/unit/mikey_vectors.h
tests_unit_test_mikey_parts_CPPFLAGS = $(AM_CPPFLAGS) $(MIKEY_VECTORS)
tests_unit_test_mikey_parts_LDADD = $(MIKEY_TEST_LIBS)

tests_unit_test_mikey_psk_SOURCES = tests/unit/test_mikey_psk.c \
	tests/unit/mikey_pair.h
tests_unit_test_mikey_psk_LDADD = $(MIKEY_TEST_LIBS)

tests_unit_test_mikey_odd_SOURCES = tests/unit/test_mikey_odd.c \
	tests/unit/mikey_pair.h
tests_unit_test_mikey_odd_LDADD = $(MIKEY_TEST_LIBS)

check_PROGRAMS += tests/unit/test_mikey_module
TESTS += tests/unit/test_mikey_module
tests_unit_test_mikey_module_SOURCES = tests/unit/test_mikey_module.c \
	tests/mock/modules.c
tests_unit_test_mikey_module_LDADD = $(MIKEY_LIBS) $(FRAME_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_mikey_explain
TESTS += tests/unit/test_mikey_explain
tests_unit_test_mikey_explain_SOURCES = tests/unit/test_mikey_explain.c \
	tests/unit/esp_pair.h tests/unit/mikey_pair.h \
	tests/unit/mikey_vectors.h
tests_unit_test_mikey_explain_CPPFLAGS = $(AM_CPPFLAGS) $(MIKEY_VECTORS)
tests_unit_test_mikey_explain_LDADD = $(MIKEY_TEST_LIBS)

check_PROGRAMS += tests/unit/test_mikey_dh tests/unit/test_mikey_dhhmac
TESTS += tests/unit/test_mikey_dh tests/unit/test_mikey_dhhmac
tests_unit_test_mikey_dhhmac_SOURCES = tests/unit/test_mikey_dhhmac.c \
	tests/unit/mikey_pair.h
tests_unit_test_mikey_dhhmac_LDADD = $(MIKEY_TEST_LIBS)
tests_unit_test_mikey_dh_SOURCES = tests/unit/test_mikey_dh.c
tests_unit_test_mikey_dh_LDADD = $(MIKEY_TEST_LIBS)

check_PROGRAMS += tests/unit/test_mikey_ecdh
TESTS += tests/unit/test_mikey_ecdh
tests_unit_test_mikey_ecdh_SOURCES = tests/unit/test_mikey_ecdh.c \
	tests/unit/cert_pair.h tests/unit/mikey_vectors.h \
	tests/mock/ca.c tests/mock/ca.h
tests_unit_test_mikey_ecdh_CPPFLAGS = $(AM_CPPFLAGS) $(MIKEY_VECTORS)
tests_unit_test_mikey_ecdh_LDADD = $(MIKEY_TEST_LIBS)

check_PROGRAMS += tests/unit/test_clerk_early
TESTS += tests/unit/test_clerk_early
tests_unit_test_clerk_early_SOURCES = tests/unit/test_clerk_early.c \
	tests/unit/clerk_rig.c tests/unit/clerk_rig.h
tests_unit_test_clerk_early_LDADD = $(KEEPER_LIBS) $(MIKEY_TEST_LIBS)
check_PROGRAMS += tests/unit/test_clerk_tunnel
TESTS += tests/unit/test_clerk_tunnel
tests_unit_test_clerk_tunnel_SOURCES = tests/unit/test_clerk_tunnel.c \
	tests/unit/clerk_rig.c tests/unit/clerk_rig.h
tests_unit_test_clerk_tunnel_LDADD = $(KEEPER_LIBS) $(MIKEY_TEST_LIBS)
check_PROGRAMS += tests/unit/test_clerk_within
TESTS += tests/unit/test_clerk_within
tests_unit_test_clerk_within_SOURCES = tests/unit/test_clerk_within.c \
	tests/unit/clerk_rig.c tests/unit/clerk_rig.h
tests_unit_test_clerk_within_LDADD = $(KEEPER_LIBS) $(MIKEY_TEST_LIBS)
check_PROGRAMS += tests/unit/test_clerk tests/unit/test_replay \
	tests/unit/test_keying_alloc
TESTS += tests/unit/test_clerk tests/unit/test_replay \
	tests/unit/test_keying_alloc
tests_unit_test_clerk_SOURCES = tests/unit/test_clerk.c \
	tests/unit/clerk_rig.c tests/unit/clerk_rig.h
tests_unit_test_clerk_LDADD = $(KEEPER_LIBS) $(MIKEY_TEST_LIBS)
tests_unit_test_replay_SOURCES = tests/unit/test_replay.c
tests_unit_test_replay_LDADD = $(KEEPER_LIBS) $(MIKEY_TEST_LIBS)
tests_unit_test_keying_alloc_SOURCES = tests/unit/test_keying_alloc.c \
	tests/unit/cert_pair.h tests/unit/esp_pair.h \
	tests/mock/ca.c tests/mock/ca.h \
	tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_keying_alloc_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_keying_alloc_LDADD = $(KEEPER_LIBS) $(MIKEY_TEST_LIBS)

# Not run by "make check": bench/mikey_bench prints what an exchange costs.
noinst_PROGRAMS += bench/mikey_bench
bench_mikey_bench_SOURCES = bench/mikey_bench.c
bench_mikey_bench_LDADD = $(MIKEY_LIBS) $(BASE_LIBS)

noinst_PROGRAMS += bench/certs_bench
bench_certs_bench_SOURCES = bench/certs_bench.c tests/mock/ca.c tests/mock/ca.h
bench_certs_bench_LDADD = $(MIKEY_LIBS) $(BASE_LIBS)

# A parser that is not ours reads what we write.
check_PROGRAMS += tests/call/mikey_sample
tests_call_mikey_sample_SOURCES = tests/call/mikey_sample.c \
	tests/mock/ca.c tests/mock/ca.h
tests_call_mikey_sample_LDADD = $(MIKEY_LIBS) $(BASE_LIBS)
TESTS += tests/call/mikey_tshark.sh
EXTRA_DIST += tests/call/mikey_tshark.sh

# Certificates, and the methods that use them.
check_PROGRAMS += tests/unit/test_mikey_certs tests/unit/test_credential
TESTS += tests/unit/test_mikey_certs tests/unit/test_credential
tests_unit_test_credential_SOURCES = tests/unit/test_credential.c \
	tests/mock/ca.c tests/mock/ca.h
tests_unit_test_credential_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_test_mikey_certs_SOURCES = tests/unit/test_mikey_certs.c \
	tests/unit/cert_pair.h tests/mock/ca.c tests/mock/ca.h
tests_unit_test_mikey_certs_LDADD = $(MIKEY_TEST_LIBS)

# Bundles that get new keys.
check_PROGRAMS += tests/unit/test_mikey_update
TESTS += tests/unit/test_mikey_update
tests_unit_test_mikey_update_SOURCES = tests/unit/test_mikey_update.c \
	tests/unit/cert_pair.h tests/mock/ca.c tests/mock/ca.h
tests_unit_test_mikey_update_LDADD = $(MIKEY_TEST_LIBS)

check_PROGRAMS += tests/unit/test_mikey_witness \
	tests/unit/test_mikey_witness_certs
TESTS += tests/unit/test_mikey_witness tests/unit/test_mikey_witness_certs
tests_unit_test_mikey_witness_SOURCES = tests/unit/test_mikey_witness.c \
	tests/unit/mikey_pair.h
tests_unit_test_mikey_witness_LDADD = $(MIKEY_TEST_LIBS)
tests_unit_test_mikey_witness_certs_SOURCES = \
	tests/unit/test_mikey_witness_certs.c \
	tests/unit/cert_pair.h tests/mock/ca.c tests/mock/ca.h
tests_unit_test_mikey_witness_certs_LDADD = $(MIKEY_TEST_LIBS)

check_PROGRAMS += tests/unit/test_mikey_identity \
	tests/unit/test_mikey_identity_certs
TESTS += tests/unit/test_mikey_identity tests/unit/test_mikey_identity_certs
tests_unit_test_mikey_identity_SOURCES = tests/unit/test_mikey_identity.c \
	tests/unit/mikey_pair.h
tests_unit_test_mikey_identity_LDADD = $(MIKEY_TEST_LIBS)
tests_unit_test_mikey_identity_certs_SOURCES = \
	tests/unit/test_mikey_identity_certs.c \
	tests/unit/cert_pair.h tests/mock/ca.c tests/mock/ca.h
tests_unit_test_mikey_identity_certs_LDADD = $(MIKEY_TEST_LIBS)

check_PROGRAMS += tests/unit/test_mikey_map tests/unit/test_count
TESTS += tests/unit/test_mikey_map tests/unit/test_count
tests_unit_test_mikey_map_SOURCES = tests/unit/test_mikey_map.c \
	tests/unit/mikey_pair.h
tests_unit_test_mikey_map_LDADD = $(MIKEY_TEST_LIBS)
tests_unit_test_count_SOURCES = tests/unit/test_count.c
tests_unit_test_count_LDADD = $(KEEPER_LIBS) $(BASE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_mikey_bad
TESTS += tests/unit/test_mikey_bad
tests_unit_test_mikey_bad_SOURCES = tests/unit/test_mikey_bad.c \
	tests/unit/cert_pair.h tests/mock/ca.c tests/mock/ca.h
tests_unit_test_mikey_bad_LDADD = $(MIKEY_TEST_LIBS)

check_PROGRAMS += tests/unit/test_clerk_counter
TESTS += tests/unit/test_clerk_counter
tests_unit_test_clerk_counter_SOURCES = tests/unit/test_clerk_counter.c \
	tests/unit/clerk_rig.c tests/unit/clerk_rig.h
tests_unit_test_clerk_counter_LDADD = $(KEEPER_LIBS) $(MIKEY_TEST_LIBS)
