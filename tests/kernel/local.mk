# kernel: what needs a kernel with ESP: run in user-mode-linux, which takes no
# privilege; skipped, and said so, where that does not start
TESTS += tests/kernel/nat.sh tests/kernel/nets.sh tests/kernel/tunnel.sh tests/kernel/xfrm.sh
EXTRA_DIST += tests/kernel/guest.py tests/kernel/nat.sh \
	tests/kernel/nat_guest.py tests/kernel/nets.sh \
	tests/kernel/nets_guest.py tests/kernel/tunnel.sh \
	tests/kernel/tunnel_guest.py tests/kernel/vm tests/kernel/xfrm.sh \
	tests/kernel/xfrm_guest.py
check_PROGRAMS += tests/mock/tunneltool tests/mock/xfrmtool
tests_mock_tunneltool_SOURCES = tests/mock/tunneltool.c
tests_mock_tunneltool_LDADD = $(FRAME_LIBS)
tests_mock_xfrmtool_SOURCES = tests/mock/xfrmtool.c
tests_mock_xfrmtool_LDADD = $(XFRM_LIBS)
