# Unit tests: one fragment for each part of the tree.
UNIT_LIBS = $(CMOCKA_LIBS)
EXTRA_DIST += tests/mock/ca_keys.h tests/mock/slow.h
# Memory that runs out: tests/mock/alloc.c and these link flags.
ALLOC_WRAP = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc \
	-Wl,--wrap=realloc,--wrap=strdup,--wrap=strndup
include tests/unit/base.mk
include tests/unit/frame.mk
include tests/unit/mime.mk
include tests/unit/mikey.mk
include tests/unit/esp.mk
include tests/unit/trust.mk
include tests/unit/rank.mk
include tests/unit/sdes.mk
include tests/unit/smime.mk
include tests/unit/srtp.mk
include tests/unit/relay.mk
include tests/unit/guard.mk
include tests/unit/xfrm.mk
include tests/unit/engine.mk
include tests/unit/sip.mk
include tests/unit/registrar.mk
include tests/unit/control.mk
include tests/unit/vici.mk
include tests/fuzz/local.mk
include tests/call/local.mk
include tests/kernel/local.mk
include tests/live/local.mk
