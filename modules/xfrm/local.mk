# xfrm: SAs and policies in the kernel, and what makes tunnels of them.
noinst_LIBRARIES += modules/xfrm/libxfrm.a
modules_xfrm_libxfrm_a_SOURCES = \
	modules/xfrm/ask.c modules/xfrm/ask.h \
	modules/xfrm/ipsec.c modules/xfrm/ipsec.h \
	modules/xfrm/keyset.c modules/xfrm/keyset.h \
	modules/xfrm/ledger.c modules/xfrm/ledger.h \
	modules/xfrm/link.c modules/xfrm/link.h \
	modules/xfrm/probe.c modules/xfrm/probe.h \
	modules/xfrm/raise.c \
	modules/xfrm/range.c modules/xfrm/range.h \
	modules/xfrm/refusal.c modules/xfrm/refusal.h \
	modules/xfrm/reply.c modules/xfrm/reply.h \
	modules/xfrm/request.c modules/xfrm/request.h \
	modules/xfrm/restore.c \
	modules/xfrm/selector.c modules/xfrm/selector.h \
	modules/xfrm/sweep.c \
	modules/xfrm/tunnel/block.c modules/xfrm/tunnel/block.h \
	modules/xfrm/tunnel/foreign.c modules/xfrm/tunnel/foreign.h \
	modules/xfrm/tunnel/bypass.c modules/xfrm/tunnel/bypass.h \
	modules/xfrm/tunnel/door.c modules/xfrm/tunnel/door.h \
	modules/xfrm/tunnel/follow.c modules/xfrm/tunnel/follow.h \
	modules/xfrm/tunnel/keep.c modules/xfrm/tunnel/keep.h \
	modules/xfrm/tunnel/group.c modules/xfrm/tunnel/group.h \
	modules/xfrm/tunnel/module.c \
	modules/xfrm/tunnel/pair.c modules/xfrm/tunnel/pair.h \
	modules/xfrm/watch.c \
	modules/xfrm/xfrm.c modules/xfrm/xfrm.h
modules_xfrm_libxfrm_a_CFLAGS = $(AM_CFLAGS) $(MNL_CFLAGS)
XFRM_LIBS = modules/xfrm/libxfrm.a $(MNL_LIBS) $(BASE_LIBS)
