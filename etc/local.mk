# etc, systemd, man: what is installed beside the programs.

SUBSTITUTE = sed -e 's|@sbindir[@]|$(sbindir)|g' \
	-e 's|@sysconfdir[@]|$(sysconfdir)|g'

confdir = $(sysconfdir)/callseal
examplesdir = $(docdir)/examples
dist_examples_DATA = etc/site-a.conf etc/site-b.conf
f2bfilterdir = $(docdir)/examples/fail2ban/filter.d
dist_f2bfilter_DATA = etc/fail2ban/filter.d/callseal.conf
f2bjaildir = $(docdir)/examples/fail2ban/jail.d
dist_f2bjail_DATA = etc/fail2ban/jail.d/callseal.conf

systemdsystemunit_DATA = systemd/callseald.service
systemd/callseald.service: systemd/callseald.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) systemd && \
		$(SUBSTITUTE) $(srcdir)/systemd/callseald.service.in > $@

CLEANFILES += systemd/callseald.service systemd/callseal.tmpfiles

all-local: systemd/callseal.tmpfiles
systemd/callseal.tmpfiles: systemd/callseal.tmpfiles.in Makefile
	$(AM_V_GEN)$(MKDIR_P) systemd && \
		$(SUBSTITUTE) $(srcdir)/systemd/callseal.tmpfiles.in > $@

dist_man_MANS += man/callseald.8 man/callseal.conf.5

EXTRA_DIST += etc/callseal.conf systemd/callseald.service.in \
	systemd/callseal.tmpfiles.in systemd/callseal.sysusers \
	doc/ARCHITECTURE.md doc/SECURITY.md doc/RFC.md doc/POLICY.md doc/MIKEY-ECC.md \
	doc/MIKEY-IPSEC.md \
	doc/NEGOTIATION.md doc/SMIME.md

# An operator's configuration is never overwritten; a new example lies beside
# it. systemd wants the snippets under their .conf names.
install-data-local: systemd/callseal.tmpfiles
	$(MKDIR_P) "$(DESTDIR)$(confdir)" "$(DESTDIR)$(sysusersdir)" \
		"$(DESTDIR)$(tmpfilesdir)"
	if test -e "$(DESTDIR)$(confdir)/callseal.conf"; then \
		$(INSTALL_DATA) $(srcdir)/etc/callseal.conf \
			"$(DESTDIR)$(confdir)/callseal.conf.example"; \
	else \
		$(INSTALL_DATA) $(srcdir)/etc/callseal.conf \
			"$(DESTDIR)$(confdir)/callseal.conf"; \
	fi
	$(INSTALL_DATA) $(srcdir)/systemd/callseal.sysusers \
		"$(DESTDIR)$(sysusersdir)/callseal.conf"
	$(INSTALL_DATA) systemd/callseal.tmpfiles \
		"$(DESTDIR)$(tmpfilesdir)/callseal.conf"

# What the operator has changed stays.
uninstall-local:
	rm -f "$(DESTDIR)$(sysusersdir)/callseal.conf" \
		"$(DESTDIR)$(tmpfilesdir)/callseal.conf" \
		"$(DESTDIR)$(confdir)/callseal.conf.example"
	if cmp -s $(srcdir)/etc/callseal.conf \
			"$(DESTDIR)$(confdir)/callseal.conf"; then \
		rm -f "$(DESTDIR)$(confdir)/callseal.conf"; \
	fi
	-rmdir "$(DESTDIR)$(confdir)" 2>/dev/null

# The words of the manual, the example and the programs agree.
check_SCRIPTS += tests/docs/docs.sh
TESTS += tests/docs/docs.sh
check_SCRIPTS += tests/docs/fail2ban.sh
TESTS += tests/docs/fail2ban.sh
EXTRA_DIST += tests/docs/docs.sh tests/docs/fail2ban.sh man/keys.py
