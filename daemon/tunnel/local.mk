# tunnel
noinst_LIBRARIES += daemon/tunnel/libtunnel.a
daemon_tunnel_libtunnel_a_SOURCES = \
	daemon/tunnel/tunnels.c daemon/tunnel/tunnels.h \
	daemon/tunnel/inside.h \
	daemon/tunnel/binding.c \
	daemon/tunnel/list.c \
	daemon/tunnel/share.c \
	daemon/tunnel/table.c \
	daemon/tunnel/standing.h \
	daemon/tunnel/tunnel.c daemon/tunnel/tunnel.h \
	daemon/tunnel/turn.c \
	daemon/tunnel/uselist.c daemon/tunnel/uselist.h \
	daemon/tunnel/uses.c daemon/tunnel/uses.h
TUNNEL_LIBS = daemon/tunnel/libtunnel.a $(EVENT_LIBS) $(JANSSON_LIBS)
