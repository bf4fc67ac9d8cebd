# sip: the two legs of a call and what passes between them. The loop is here
# because only these two know Sofia.
noinst_LIBRARIES += daemon/engine/libloop.a modules/sip/libsip.a
daemon_engine_libloop_a_SOURCES = daemon/engine/loop.c daemon/engine/loop.h
daemon_engine_libloop_a_CFLAGS = $(AM_CFLAGS) $(SOFIA_CFLAGS)
LOOP_LIBS = daemon/engine/libloop.a $(SOFIA_LIBS)

modules_sip_libsip_a_SOURCES = modules/sip/sip.c modules/sip/sip.h \
	modules/sip/registration/binding.c modules/sip/registration/binding.h \
	modules/sip/before/before.c modules/sip/before/before.h \
	modules/sip/before/called.c modules/sip/before/caller.c \
	modules/sip/before/inside.h modules/sip/before/own.c \
	modules/sip/border/border.c modules/sip/border/border.h \
	modules/sip/dialog.c modules/sip/dialog.h \
	modules/sip/early.c modules/sip/early.h \
	modules/sip/sealing/errand.c modules/sip/sealing/errand.h \
	modules/sip/transport/face.c modules/sip/transport/face.h \
	modules/sip/sealing/fetch.c modules/sip/sealing/fetch.h \
	modules/sip/filter.c modules/sip/filter.h \
	modules/sip/fork.c modules/sip/fork.h \
	modules/sip/transport/gate.c modules/sip/transport/gate.h \
	modules/sip/message/headers.c modules/sip/message/headers.h \
	modules/sip/invite.c modules/sip/invite.h \
	modules/sip/leg.c modules/sip/leg.h \
	modules/sip/registration/location.c modules/sip/registration/location.h \
	modules/sip/message/merge.c modules/sip/message/merge.h \
	modules/sip/nat/keepalive.c modules/sip/nat/keepalive.h \
	modules/sip/nat/nat.c modules/sip/nat/nat.h \
	modules/sip/message/origin.c modules/sip/message/origin.h \
	modules/sip/pair.c modules/sip/pair.h \
	modules/sip/message/parts.c modules/sip/message/parts.h \
	modules/sip/message/unquoted.c modules/sip/message/unquoted.h \
	modules/sip/registration/register.c modules/sip/registration/register.h \
	modules/sip/border/rank.c modules/sip/border/rank.h \
	modules/sip/registrar/admission.c modules/sip/registrar/admission.h \
	modules/sip/registrar/contact.c modules/sip/registrar/contact.h \
	modules/sip/registrar/nonce.c modules/sip/registrar/nonce.h \
	modules/sip/registrar/registrar.c modules/sip/registrar/registrar.h \
	modules/sip/registrar/stateless.c modules/sip/registrar/stateless.h \
	modules/sip/message/replaces.c modules/sip/message/replaces.h \
	modules/sip/reliable.c modules/sip/reliable.h \
	modules/sip/reoffer.c modules/sip/reoffer.h \
	modules/sip/message/reply.c modules/sip/message/reply.h \
	modules/sip/request/again.c modules/sip/request/again.h \
	modules/sip/request/answer.c modules/sip/request/answer.h \
	modules/sip/request/forward.c modules/sip/request/forward.h \
	modules/sip/request/request.c modules/sip/request/request.h \
	modules/sip/request/talk.c modules/sip/request/talk.h \
	modules/sip/retry.c modules/sip/retry.h \
	modules/sip/sealed.c modules/sip/sealed.h \
	modules/sip/sealing/hidden.c modules/sip/sealing/hidden.h \
	modules/sip/sealing/reveal.c modules/sip/sealing/reveal.h \
	modules/sip/sealing/seals.c modules/sip/sealing/seals.h \
	modules/sip/sealing/whole.c modules/sip/sealing/whole.h \
	modules/sip/session/naming.c modules/sip/session/naming.h \
	modules/sip/session/refresh.c modules/sip/session/refresh.h \
	modules/sip/session/session.c modules/sip/session/session.h \
	modules/sip/registration/slots.c modules/sip/registration/slots.h \
	modules/sip/transport/tls.c modules/sip/transport/tls.h modules/sip/transport/tlsname.c \
	modules/sip/trunk/account.c modules/sip/trunk/account.h \
	modules/sip/trunk/auth.c modules/sip/trunk/auth.h \
	modules/sip/trunk/challenge.c modules/sip/trunk/challenge.h \
	modules/sip/trunk/hops.c modules/sip/trunk/hops.h \
	modules/sip/trunk/locate.c modules/sip/trunk/locate.h \
	modules/sip/trunk/resolver.c modules/sip/trunk/resolver.h \
	modules/sip/trunk/server.c modules/sip/trunk/server.h \
	modules/sip/transfer/inside.h modules/sip/transfer/join.c \
	modules/sip/transfer/refer.c modules/sip/transfer/refer.h \
	modules/sip/transfer/transfer.c modules/sip/transfer/transfer.h \
	modules/sip/txn.c modules/sip/txn.h \
	modules/sip/words.c modules/sip/words.h
modules_sip_libsip_a_CFLAGS = $(AM_CFLAGS) $(SOFIA_CFLAGS) $(TLS_CFLAGS)
SIP_LIBS = modules/sip/libsip.a $(LOOP_LIBS) $(GUARD_LIBS) daemon/libframe.a $(JANSSON_LIBS) \
	$(TLS_LIBS)
