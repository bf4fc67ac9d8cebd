# engine: calls, their bodies and what they ask of keeper and relay. No SIP
# library: loop.c is built with modules/sip.
noinst_LIBRARIES += daemon/engine/libengine.a
daemon_engine_libengine_a_SOURCES = \
	daemon/engine/account.c daemon/engine/accounts.h daemon/engine/fetcher.h \
	daemon/engine/admit.c \
	daemon/engine/body/answer.c \
	daemon/engine/connected.c \
	daemon/engine/call.c daemon/engine/call.h \
	daemon/engine/body/deal.c daemon/engine/body/deal.h \
	daemon/engine/body/dual.c \
	daemon/engine/body/ikelines.c daemon/engine/body/ikelines.h \
	daemon/engine/body/early.c \
	daemon/engine/engine.c daemon/engine/engine.h \
	daemon/engine/report/failure.c daemon/engine/report/failure.h \
	daemon/engine/body/filter.c daemon/engine/inside.h daemon/engine/body/job.h \
	daemon/engine/bodyclient.c daemon/engine/report/glance.c \
	daemon/engine/way/discover.c daemon/engine/way/discover.h \
	daemon/engine/way/hop.c daemon/engine/way/hops.h \
	daemon/engine/direct.c \
	daemon/engine/ikeclient.c \
	daemon/engine/keyclient.c daemon/engine/way/location.h daemon/engine/way/phone.c daemon/engine/way/refer.c \
	daemon/engine/login.c \
	daemon/engine/media.c \
	daemon/engine/body/before.c \
	daemon/engine/body/offer.c \
	daemon/engine/body/package.c daemon/engine/body/package.h \
	daemon/engine/report/record.c daemon/engine/way/redirect.c \
	daemon/engine/body/rekey.c \
	daemon/engine/body/rewrite.c \
	daemon/engine/way/route.c daemon/engine/body/sealing.c \
	daemon/engine/sdp/sdp.c daemon/engine/sdp/sdp.h \
	daemon/engine/sdp/sdpaccept.c daemon/engine/sdp/sdpcap.c \
	daemon/engine/sdp/sdpcan.c daemon/engine/sdp/sdpcan.h \
	daemon/engine/sdp/sdpike.c daemon/engine/sdp/sdpike.h \
	daemon/engine/sdp/sdpikedeal.c daemon/engine/sdp/sdpprint.c \
	daemon/engine/sdp/sdppre.c daemon/engine/sdp/sdppre.h \
	daemon/engine/sdp/sdpwrite.c daemon/engine/sdp/sdptext.h \
	daemon/engine/setup.c \
	daemon/engine/report/status.c \
	daemon/engine/report/trace.c daemon/engine/tunnelclient.c \
	daemon/engine/report/verdict.c daemon/engine/report/verdict.h
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
