# SDES: pure but for sdes.c, which needs the keeper.
noinst_LIBRARIES += modules/sdes/libsdes.a
modules_sdes_libsdes_a_SOURCES = \
	modules/sdes/crypto.c modules/sdes/crypto.h \
	modules/sdes/exchange.c modules/sdes/exchange.h \
	modules/sdes/sdes.c \
	modules/sdes/usable.c modules/sdes/usable.h
SDES_LIBS = modules/sdes/libsdes.a
