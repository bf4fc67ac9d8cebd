# sip
check_PROGRAMS += tests/unit/test_loop
TESTS += tests/unit/test_loop
tests_unit_test_loop_SOURCES = tests/unit/test_loop.c
tests_unit_test_loop_LDADD = $(LOOP_LIBS) $(BASE_LIBS) $(UNIT_LIBS)

# The module with a mock core, as a program, and the calls through it.
TESTS += tests/call/test_sip_calls.py tests/call/test_sip_ends.py \
	tests/call/test_sip_before.py \
	tests/call/test_sip_early.py tests/call/test_sip_reoffer.py \
	tests/call/test_sip_input.py tests/call/test_sip_register.py \
	tests/call/test_sip_nat.py \
	tests/call/test_sip_requests.py tests/call/test_sip_hops.py \
	tests/call/test_sip_dns.py tests/call/test_sip_accounts.py \
	tests/call/test_sip_session.py \
	tests/call/test_sip_sealed.py tests/call/test_sip_whole.py tests/call/test_sip_hidden.py \
	tests/call/test_sip_packages.py \
	tests/call/test_sip_words.py tests/call/test_sip_fetch.py tests/call/test_sip_parts.py \
	tests/call/test_sip_border.py tests/call/test_sip_discover.py
EXTRA_DIST += tests/call/test_sip_calls.py tests/call/test_sip_ends.py \
	tests/call/test_sip_before.py \
	tests/call/test_sip_early.py tests/call/test_sip_reoffer.py \
	tests/call/test_sip_input.py tests/call/test_sip_register.py \
	tests/call/test_sip_nat.py \
	tests/call/test_sip_requests.py tests/call/test_sip_hops.py \
	tests/call/test_sip_dns.py tests/call/test_sip_accounts.py \
	tests/call/test_sip_session.py \
	tests/call/test_sip_sealed.py tests/call/test_sip_whole.py tests/call/test_sip_hidden.py \
	tests/call/test_sip_packages.py \
	tests/call/test_sip_words.py tests/call/test_sip_fetch.py tests/call/test_sip_parts.py \
	tests/call/test_sip_border.py tests/call/test_sip_discover.py \
	tests/call/sipscene.py tests/call/sipsealed.py tests/call/sipwhole.py \
	tests/call/sipsock.py
check_PROGRAMS += tests/mock/siprelay
tests_mock_siprelay_SOURCES = tests/mock/siprelay.c tests/mock/modules.c \
	tests/mock/core.c tests/mock/call.h \
	tests/mock/sealing.c tests/mock/core.h tests/mock/login.c \
	tests/mock/login.h
tests_mock_siprelay_CFLAGS = $(AM_CFLAGS) $(SOFIA_CFLAGS)
tests_mock_siprelay_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=calloc \
	-Wl,--export-dynamic-symbol=clock_gettime \
	-Wl,--export-dynamic-symbol=gettimeofday
tests_mock_siprelay_LDADD = $(SIP_LIBS) daemon/engine/libengine.a $(KEEPER_LIBS) $(FRAME_LIBS)

check_PROGRAMS += tests/unit/test_sip_headers
TESTS += tests/unit/test_sip_headers
tests_unit_test_sip_headers_SOURCES = tests/unit/test_sip_headers.c \
	tests/mock/modules.c \
	tests/mock/core.c tests/mock/call.h \
	tests/mock/sealing.c tests/mock/core.h \
	daemon/keeper/account/answer.c
tests_unit_test_sip_headers_CFLAGS = $(AM_CFLAGS) $(SOFIA_CFLAGS)
tests_unit_test_sip_headers_LDADD = $(SIP_LIBS) daemon/engine/libengine.a $(FRAME_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_binding
TESTS += tests/unit/test_binding
tests_unit_test_binding_SOURCES = tests/unit/test_binding.c \
	modules/sip/registration/binding.c modules/sip/registration/location.c modules/sip/registration/slots.c \
	tests/mock/alloc.c tests/mock/alloc.h
tests_unit_test_binding_LDFLAGS = $(ALLOC_WRAP)
tests_unit_test_binding_LDADD = daemon/libframe.a $(BASE_LIBS) \
	$(JANSSON_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_tls
TESTS += tests/unit/test_tls
tests_unit_test_tls_SOURCES = tests/unit/test_tls.c tests/mock/core.c tests/mock/call.h \
	tests/mock/sealing.c \
	tests/mock/core.h tests/mock/modules.c daemon/keeper/account/answer.c
tests_unit_test_tls_CFLAGS = $(AM_CFLAGS) $(SOFIA_CFLAGS) $(TLS_CFLAGS)
tests_unit_test_tls_LDADD = $(SIP_LIBS) daemon/engine/libengine.a $(FRAME_LIBS) $(UNIT_LIBS)

# The gateway with openssl s_client, s_server and Python's ssl as peers.
TESTS += tests/call/test_tls.py
EXTRA_DIST += tests/call/test_tls.py
