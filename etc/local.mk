# etc, systemd, man
