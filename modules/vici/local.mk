# VICI: the client of strongSwan's control protocol, and tunnels through it.
# Only libevent and base.
noinst_LIBRARIES += modules/vici/libvici.a
modules_vici_libvici_a_SOURCES = \
	modules/vici/ask.c modules/vici/ask.h \
	modules/vici/client.c modules/vici/client.h \
	modules/vici/conn.c modules/vici/conn.h \
	modules/vici/ike/adopt.c \
	modules/vici/ike/child.c \
	modules/vici/ike/end.c \
	modules/vici/ike/hear.c \
	modules/vici/ike/ike.c modules/vici/ike/ike.h \
	modules/vici/ike/inside.h \
	modules/vici/ike/name.c \
	modules/vici/ike/peer.c \
	modules/vici/ike/stamp.c \
	modules/vici/ike/use.c \
	modules/vici/message.c modules/vici/message.h \
	modules/vici/packet.c modules/vici/packet.h \
	modules/vici/reason.c modules/vici/reason.h \
	modules/vici/sa.c modules/vici/sa.h \
	modules/vici/selector.c modules/vici/selector.h \
	modules/vici/version.c modules/vici/version.h
VICI_LIBS = modules/vici/libvici.a $(EVENT_LIBS)
# as a module of the tunnel process
noinst_LIBRARIES += modules/vici/libvicimodule.a
modules_vici_libvicimodule_a_SOURCES = \
	modules/vici/list.c modules/vici/list.h \
	modules/vici/module.c \
	modules/vici/own.c modules/vici/own.h \
	modules/vici/proof.c modules/vici/proof.h \
	modules/vici/standing.c modules/vici/standing.h
VICI_MODULE_LIBS = modules/vici/libvicimodule.a $(VICI_LIBS)
