# srtp
noinst_LIBRARIES += modules/srtp/libsrtp_module.a
modules_srtp_libsrtp_module_a_SOURCES = \
	modules/srtp/evp.c \
	modules/srtp/keystream.c modules/srtp/keystream.h \
	modules/srtp/libsrtp.c \
	modules/srtp/mac.c modules/srtp/mac.h \
	modules/srtp/session.c modules/srtp/session.h \
	modules/srtp/srtp.c \
	modules/srtp/transforms.h \
	modules/srtp/trial.c
SRTP_MODULE_LIBS = modules/srtp/libsrtp_module.a $(SRTP_LIBS)
