# Fuzz targets. A target fuzz_X needs here: its name in FUZZ_TARGETS, SOURCES
# with $(FUZZ_MAIN), LDADD, and LDFLAGS; and tests/fuzz/corpus/X. With
# --enable-fuzz (clang) they are libFuzzer's, else a main that replays files.
if LIBFUZZER
FUZZ_MAIN =
else
FUZZ_MAIN = tests/fuzz/replay.c
endif
FUZZ_LINK = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
FUZZ_TARGETS = tests/fuzz/fuzz_ipc tests/fuzz/fuzz_conf
include tests/fuzz/esp.mk
include tests/fuzz/srtp.mk
check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += tests/fuzz/corpora.sh
EXTRA_DIST += tests/fuzz/corpora.sh tests/fuzz/corpus tests/fuzz/lsan.supp
CLEANFILES += tests/fuzz/*.log

tests_fuzz_fuzz_ipc_SOURCES = tests/fuzz/fuzz_ipc.c $(FUZZ_MAIN)
tests_fuzz_fuzz_ipc_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_ipc_LDADD = $(FRAME_LIBS)

tests_fuzz_fuzz_conf_SOURCES = tests/fuzz/fuzz_conf.c tests/mock/modules.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_conf_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_conf_LDADD = $(FRAME_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_digest
tests_fuzz_fuzz_digest_SOURCES = tests/fuzz/fuzz_digest.c $(FUZZ_MAIN)
tests_fuzz_fuzz_digest_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_digest_LDADD = $(BASE_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_certs
tests_fuzz_fuzz_certs_SOURCES = tests/fuzz/fuzz_certs.c $(FUZZ_MAIN) \
	tests/mock/ca.c tests/mock/ca.h
tests_fuzz_fuzz_certs_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_certs_LDADD = $(MIKEY_LIBS) $(BASE_LIBS)
FUZZ_TARGETS += tests/fuzz/fuzz_mikey
tests_fuzz_fuzz_mikey_SOURCES = tests/fuzz/fuzz_mikey.c $(FUZZ_MAIN)
tests_fuzz_fuzz_mikey_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_mikey_LDADD = $(MIKEY_LIBS) $(BASE_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_sdes
tests_fuzz_fuzz_sdes_SOURCES = tests/fuzz/fuzz_sdes.c $(FUZZ_MAIN)
tests_fuzz_fuzz_sdes_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_sdes_LDADD = $(SDES_LIBS) $(BASE_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_rank
tests_fuzz_fuzz_rank_SOURCES = tests/fuzz/fuzz_rank.c $(FUZZ_MAIN)
tests_fuzz_fuzz_rank_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_rank_LDADD = $(MIKEY_LIBS) $(BASE_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_sdp
tests_fuzz_fuzz_sdp_SOURCES = tests/fuzz/fuzz_sdp.c $(FUZZ_MAIN)
tests_fuzz_fuzz_sdp_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_sdp_LDADD = $(ENGINE_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_sip
tests_fuzz_fuzz_sip_SOURCES = tests/fuzz/fuzz_sip.c tests/mock/core.c tests/mock/call.h \
	tests/mock/sealing.c \
	tests/mock/modules.c daemon/keeper/account/answer.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_sip_CFLAGS = $(AM_CFLAGS) $(SOFIA_CFLAGS)
tests_fuzz_fuzz_sip_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_sip_LDADD = $(SIP_LIBS) daemon/engine/libengine.a $(FRAME_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_entry
tests_fuzz_fuzz_entry_SOURCES = tests/fuzz/fuzz_entry.c tests/mock/core.c tests/mock/call.h \
	tests/mock/sealing.c \
	tests/mock/modules.c daemon/keeper/account/answer.c \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_entry_CFLAGS = $(AM_CFLAGS) $(SOFIA_CFLAGS)
tests_fuzz_fuzz_entry_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_entry_LDADD = $(SIP_LIBS) daemon/engine/libengine.a $(FRAME_LIBS)

# what a taken engine can say
FUZZ_TARGETS += tests/fuzz/fuzz_keeper tests/fuzz/fuzz_relay
tests_fuzz_fuzz_keeper_SOURCES = tests/fuzz/fuzz_keeper.c $(FUZZ_MAIN) \
	tests/mock/ca.c tests/mock/ca.h tests/mock/modules.c
tests_fuzz_fuzz_keeper_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_keeper_LDADD = $(KEEPER_LIBS) $(SMIME_LIBS) $(MIKEY_LIBS) \
	$(FRAME_LIBS) $(JANSSON_LIBS)

tests_fuzz_fuzz_relay_SOURCES = tests/fuzz/fuzz_relay.c $(FUZZ_MAIN)
tests_fuzz_fuzz_relay_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_relay_LDADD = $(RELAY_LIBS) $(SRTP_MODULE_LIBS) $(FRAME_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_tunnel
tests_fuzz_fuzz_tunnel_SOURCES = tests/fuzz/fuzz_tunnel.c $(FUZZ_MAIN) \
	tests/mock/maker.c tests/mock/maker.h
tests_fuzz_fuzz_tunnel_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_tunnel_LDADD = $(TUNNEL_LIBS) $(FRAME_LIBS) $(JANSSON_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_extract
tests_fuzz_fuzz_extract_SOURCES = tests/fuzz/fuzz_extract.c $(FUZZ_MAIN) \
	ctl/dump.c ctl/dump.h ctl/extract.c ctl/extract.h
tests_fuzz_fuzz_extract_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_extract_LDADD = $(MIKEY_LIBS) $(BASE_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_mime
tests_fuzz_fuzz_mime_SOURCES = tests/fuzz/fuzz_mime.c $(FUZZ_MAIN)
tests_fuzz_fuzz_mime_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_mime_LDADD = $(BASE_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_smime
tests_fuzz_fuzz_smime_SOURCES = tests/fuzz/fuzz_smime.c $(FUZZ_MAIN) \
	tests/mock/ca.c tests/mock/ca.h tests/mock/modules.c
tests_fuzz_fuzz_smime_CPPFLAGS = $(AM_CPPFLAGS) $(MIKEY_VECTORS)
tests_fuzz_fuzz_smime_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_smime_LDADD = $(SMIME_LIBS) $(FRAME_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_vici
tests_fuzz_fuzz_vici_SOURCES = tests/fuzz/fuzz_vici.c $(FUZZ_MAIN)
tests_fuzz_fuzz_vici_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_vici_LDADD = $(VICI_LIBS) $(BASE_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_fragment
tests_fuzz_fuzz_fragment_SOURCES = tests/fuzz/fuzz_fragment.c $(FUZZ_MAIN)
tests_fuzz_fuzz_fragment_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_fragment_LDADD = $(SMIME_LIBS) $(BASE_LIBS)

# what the kernel says of IPsec
FUZZ_TARGETS += tests/fuzz/fuzz_xfrm
tests_fuzz_fuzz_xfrm_SOURCES = tests/fuzz/fuzz_xfrm.c $(FUZZ_MAIN)
tests_fuzz_fuzz_xfrm_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_xfrm_LDADD = $(XFRM_LIBS)
