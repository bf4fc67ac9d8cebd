# engine: calls, their bodies and what they ask of keeper and relay. No SIP
# library: loop.c is built with modules/sip.
noinst_LIBRARIES += daemon/engine/libengine.a
daemon_engine_libengine_a_SOURCES = \
	daemon/engine/account.c daemon/engine/accounts.h \
	daemon/engine/admit.c \
	daemon/engine/answer.c \
	daemon/engine/call.c daemon/engine/call.h \
	daemon/engine/deal.c daemon/engine/deal.h \
	daemon/engine/dual.c \
	daemon/engine/early.c \
	daemon/engine/engine.c daemon/engine/engine.h \
	daemon/engine/failure.c daemon/engine/failure.h \
	daemon/engine/filter.c daemon/engine/inside.h daemon/engine/job.h \
	daemon/engine/bodyclient.c daemon/engine/glance.c \
	daemon/engine/hop.c daemon/engine/hops.h \
	daemon/engine/keyclient.c daemon/engine/location.h \
	daemon/engine/login.c \
	daemon/engine/media.c \
	daemon/engine/offer.c \
	daemon/engine/record.c daemon/engine/redirect.c \
	daemon/engine/rekey.c \
	daemon/engine/rewrite.c \
	daemon/engine/route.c daemon/engine/sealing.c \
	daemon/engine/sdp.c daemon/engine/sdp.h \
	daemon/engine/sdpcap.c \
	daemon/engine/sdpwrite.c daemon/engine/sdptext.h \
	daemon/engine/setup.c \
	daemon/engine/status.c \
	daemon/engine/trace.c \
	daemon/engine/verdict.c daemon/engine/verdict.h
# who is let in; by itself, for what has no engine
noinst_LIBRARIES += daemon/engine/libguard.a
daemon_engine_libguard_a_SOURCES = \
	daemon/engine/guard/guard.c daemon/engine/guard/guard.h \
	daemon/engine/guard/inside.h \
	daemon/engine/guard/screen.c daemon/engine/guard/screen.h \
	daemon/engine/guard/tally.c daemon/engine/guard/tally.h \
	daemon/engine/guard/toll.c
GUARD_LIBS = daemon/engine/libguard.a
ENGINE_LIBS = daemon/engine/libengine.a $(GUARD_LIBS) $(FRAME_LIBS) $(JANSSON_LIBS)
