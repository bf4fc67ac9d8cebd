# ctl: the operator's command
bin_PROGRAMS += ctl/callsealctl
ctl_callsealctl_SOURCES = \
	ctl/callsealctl.c ctl/ctl.h \
	ctl/certs.c \
	ctl/decode.c \
	ctl/digest.c \
	ctl/dump.c ctl/dump.h \
	ctl/extract.c ctl/extract.h \
	ctl/link.c \
	ctl/metrics.c \
	ctl/show.c
ctl_callsealctl_LDADD = $(MIKEY_LIBS) daemon/libframe.a $(BASE_LIBS) $(JANSSON_LIBS)
dist_man_MANS += man/callsealctl.1 man/callseal-control.7
