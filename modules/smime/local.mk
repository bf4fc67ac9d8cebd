# S/MIME: the keeper's "bodies".
noinst_LIBRARIES += modules/smime/libsmime.a
modules_smime_libsmime_a_SOURCES = \
	modules/smime/algorithm.c modules/smime/algorithm.h \
	modules/smime/binding.c modules/smime/binding.h \
	modules/smime/body/mode.c modules/smime/body/mode.h \
	modules/smime/body/opening.c modules/smime/body/opening.h \
	modules/smime/body/parts.c modules/smime/body/parts.h \
	modules/smime/body/sealing.c modules/smime/body/sealing.h \
	modules/smime/capability.c modules/smime/capability.h \
	modules/smime/card.c modules/smime/card.h \
	modules/smime/certs.c modules/smime/certs.h \
	modules/smime/cms.c modules/smime/cms.h \
	modules/smime/date.c modules/smime/date.h \
	modules/smime/envelope.c modules/smime/envelope.h \
	modules/smime/fault.c modules/smime/fault.h \
	modules/smime/fragment.c modules/smime/fragment.h \
	modules/smime/kek.c modules/smime/kek.h \
	modules/smime/message/tunnel.c modules/smime/message/tunnel.h \
	modules/smime/message/whose.c modules/smime/message/whose.h \
	modules/smime/open.c modules/smime/open.h \
	modules/smime/seal.c modules/smime/seal.h \
	modules/smime/signing.c modules/smime/signing.h \
	modules/smime/smime.c modules/smime/smime.h \
	modules/smime/terms.h
SMIME_LIBS = modules/smime/libsmime.a
