# parent: the daemon's executable, which is every process of it
sbin_PROGRAMS += daemon/callseald
daemon_callseald_SOURCES = \
	daemon/parent/files.c \
	daemon/parent/ikefiles.c \
	daemon/parent/listfile.c \
	daemon/parent/main.c \
	daemon/parent/orders.c \
	daemon/parent/parent.c daemon/parent/parent.h \
	daemon/parent/remind.c \
	daemon/parent/supervise.c \
	daemon/parent/tlsfiles.c
nodist_daemon_callseald_SOURCES = daemon/modules.c
daemon_callseald_LDADD = $(ENGINE_LIBS) $(KEEPER_LIBS) $(RELAY_LIBS) \
	$(TUNNEL_LIBS) $(XFRM_LIBS) $(VICI_MODULE_LIBS) \
	$(SIP_LIBS) $(CONTROL_LIBS) $(MIKEY_LIBS) $(SDES_LIBS) $(SMIME_LIBS) \
	$(SRTP_MODULE_LIBS) \
	$(RTP_LIBS) $(FRAME_LIBS) $(SYSTEMD_LIBS)
