# The keeper process. libevent only in keeper.c.
noinst_LIBRARIES += daemon/keeper/libkeeper.a
daemon_keeper_libkeeper_a_SOURCES = \
	daemon/keeper/account/answer.c daemon/keeper/account/answer.h \
	daemon/keeper/account/ikekey.c daemon/keeper/account/ikekey.h \
	daemon/keeper/alternatives.c daemon/keeper/alternatives.h \
	daemon/keeper/memory/best.c daemon/keeper/memory/best.h \
	daemon/keeper/clerk/clerk.c daemon/keeper/clerk/clerk.h \
	daemon/keeper/clerk/clerk_inside.h \
	daemon/keeper/clerk/clerk_answer.c daemon/keeper/clerk/clerk_finish.c \
	daemon/keeper/clerk/clerk_offer.c daemon/keeper/clerk/clerk_request.c \
	daemon/keeper/clerk/clerk_tunnel.c daemon/keeper/clerk/clerk_veil.c \
	daemon/keeper/bodies.h daemon/keeper/clerk/clerk_body.c \
	daemon/keeper/clerk/clerk_connected.c \
	daemon/keeper/connected.c daemon/keeper/connected.h \
	daemon/keeper/certs/correspondents.c daemon/keeper/certs/correspondents.h \
	daemon/keeper/memory/count.c daemon/keeper/memory/count.h \
	daemon/keeper/digest/judge.c daemon/keeper/digest/judge.h \
	daemon/keeper/docket.c daemon/keeper/docket.h \
	daemon/keeper/keeper.c daemon/keeper/keying.h \
	daemon/keeper/keying_esp.h \
	daemon/keeper/clerk/permit.c daemon/keeper/clerk/permit.h \
	daemon/keeper/rate.c daemon/keeper/rate.h \
	daemon/keeper/memory/recall.c daemon/keeper/memory/recall.h \
	daemon/keeper/replay.c daemon/keeper/replay.h \
	daemon/keeper/sessions.c daemon/keeper/sessions.h \
	daemon/keeper/shipping.c daemon/keeper/shipping.h \
	daemon/keeper/show.c daemon/keeper/show.h
KEEPER_LIBS = daemon/keeper/libkeeper.a $(EVENT_LIBS) $(JANSSON_LIBS)
