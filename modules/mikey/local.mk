# MIKEY: the codec and the method are pure; only mikey.c needs the keeper.
noinst_LIBRARIES += modules/mikey/libmikey.a
modules_mikey_libmikey_a_SOURCES = \
	modules/mikey/agreement.c modules/mikey/agreement.h \
	modules/mikey/awaited.c modules/mikey/awaited.h \
	modules/mikey/dh.c modules/mikey/dh.h \
	modules/mikey/dhhmac.c modules/mikey/dhhmac.h \
	modules/mikey/dhsign.c modules/mikey/dhsign.h \
	modules/mikey/envelope.c modules/mikey/envelope.h \
	modules/mikey/error.c modules/mikey/error.h \
	modules/mikey/esp/answer.c modules/mikey/esp/answer.h \
	modules/mikey/esp/dialect.c modules/mikey/esp/dialect.h \
	modules/mikey/esp/end.c modules/mikey/esp/end.h \
	modules/mikey/esp/keys.c modules/mikey/esp/keys.h \
	modules/mikey/esp/offer.c modules/mikey/esp/offer.h \
	modules/mikey/esp/pair.c modules/mikey/esp/pair.h \
	modules/mikey/esp/policy.c modules/mikey/esp/policy.h \
	modules/mikey/esp/within.c modules/mikey/esp/within.h \
	modules/mikey/esp/words.c modules/mikey/esp/words.h \
	modules/mikey/explain.c modules/mikey/explain.h \
	modules/mikey/ident.c modules/mikey/ident.h \
	modules/mikey/incoming.c modules/mikey/incoming.h \
	modules/mikey/kdf.c modules/mikey/kdf.h \
	modules/mikey/kemac.c modules/mikey/kemac.h \
	modules/mikey/map.c modules/mikey/map.h \
	modules/mikey/message.c modules/mikey/message.h \
	modules/mikey/mikey.c \
	modules/mikey/outgoing.c modules/mikey/outgoing.h \
	modules/mikey/payload.c modules/mikey/payload.h \
	modules/mikey/pke.c modules/mikey/pke.h \
	modules/mikey/pke_answer.c \
	modules/mikey/psk.c modules/mikey/psk.h \
	modules/mikey/psk_answer.c \
	modules/mikey/ranks.c modules/mikey/ranks.h \
	modules/mikey/rsa_r.c modules/mikey/rsa_r.h \
	modules/mikey/session.c modules/mikey/session.h \
	modules/mikey/sign.c modules/mikey/sign.h \
	modules/mikey/sp.c modules/mikey/sp.h \
	modules/mikey/stamp.c modules/mikey/stamp.h \
	modules/mikey/witness.c modules/mikey/witness.h
MIKEY_LIBS = modules/mikey/libmikey.a
