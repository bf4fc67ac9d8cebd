# RTP, RTCP and packet indexes
noinst_LIBRARIES += daemon/relay/librtp.a
daemon_relay_librtp_a_SOURCES = \
	daemon/relay/index.c daemon/relay/index.h \
	daemon/relay/rtcp.c daemon/relay/rtcp.h \
	daemon/relay/rtp.c daemon/relay/rtp.h
RTP_LIBS = daemon/relay/librtp.a
