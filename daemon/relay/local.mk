# relay
include daemon/relay/rtp.mk
noinst_LIBRARIES += daemon/relay/librelay.a
daemon_relay_librelay_a_SOURCES = \
	daemon/relay/control.c daemon/relay/control.h \
	daemon/relay/epoll.c \
	daemon/relay/keyring.c daemon/relay/keyring.h \
	daemon/relay/learn.c daemon/relay/learn.h \
	daemon/relay/mailbox.c daemon/relay/mailbox.h \
	daemon/relay/media_loop.h \
	daemon/relay/packet.c daemon/relay/packet.h \
	daemon/relay/ports.c daemon/relay/ports.h \
	daemon/relay/relay.c \
	daemon/relay/stream.c daemon/relay/stream.h \
	daemon/relay/transform.h \
	daemon/relay/tunnel/hold.c daemon/relay/tunnel/hold.h \
	daemon/relay/transmit.c daemon/relay/transmit.h \
	daemon/relay/uring.c \
	daemon/relay/worker.c daemon/relay/worker.h
RELAY_LIBS = daemon/relay/librelay.a $(RTP_LIBS) $(EVENT_LIBS) $(URING_LIBS) \
	-lpthread
