# ctl: the operator's command
bin_PROGRAMS += ctl/callsealctl
ctl_callsealctl_SOURCES = \
	ctl/callsealctl.c ctl/ctl.h \
	ctl/decode.c \
	ctl/link.c \
	ctl/show.c
ctl_callsealctl_LDADD = $(MIKEY_LIBS) $(BASE_LIBS) $(JANSSON_LIBS)
dist_man_MANS += man/callsealctl.1 man/callseal-control.7
