# base: what every process and tool shares
noinst_LIBRARIES += daemon/libbase.a
daemon_libbase_a_SOURCES = \
	daemon/base/addr.c daemon/base/addr.h \
	daemon/base/buf.c daemon/base/buf.h \
	daemon/base/clock.c daemon/base/clock.h \
	daemon/base/conf.c daemon/base/conf.h \
	daemon/base/conf_print.c \
	daemon/base/conf_read.c daemon/base/conf_tree.h \
	daemon/base/conf_text.c daemon/base/conf_text.h \
	daemon/base/err.c daemon/base/err.h \
	daemon/base/hex.c daemon/base/hex.h \
	daemon/base/log.c daemon/base/log.h \
	daemon/base/secret.c daemon/base/secret.h \
	daemon/base/esp.c daemon/base/esp.h \
	daemon/base/suite.c daemon/base/suite.h \
	daemon/bundle.c daemon/bundle.h \
	daemon/digest/digest.c daemon/digest/digest.h \
	daemon/digest/field.c \
	daemon/digest/users.c daemon/digest/users.h \
	daemon/keeper/certs/certificate.c \
	daemon/keeper/certs/certname.c daemon/keeper/certs/certname.h \
	daemon/keeper/certs/credential.c daemon/keeper/certs/credential.h \
	daemon/keeper/certs/credential_cms.h daemon/keeper/certs/credential_inside.h \
	daemon/keeper/memory/memory.c daemon/keeper/memory/memory.h \
	daemon/keeper/pace.c daemon/keeper/pace.h \
	daemon/keeper/rank.c daemon/keeper/rank.h \
	daemon/keeper/certs/signature.c daemon/keeper/certs/signature.h \
	daemon/mime/base64.c daemon/mime/base64.h \
	daemon/mime/choice.c daemon/mime/choice.h \
	daemon/mime/field.c daemon/mime/field.h \
	daemon/mime/keyed.c daemon/mime/keyed.h \
	daemon/mime/tree.c daemon/mime/tree.h \
	daemon/mime/writer.c daemon/mime/writer.h \
	daemon/print.c daemon/print.h \
	daemon/protocol.c daemon/protocol.h \
	daemon/keeper/certs/trust.c daemon/keeper/certs/trust.h \
	daemon/keeper/certs/verified.c daemon/keeper/certs/verified.h \
	daemon/keeper/veil/clear.c daemon/keeper/veil/clear.h \
	daemon/keeper/veil/veil.c daemon/keeper/veil/veil.h \
	daemon/keeper/veil/veil_sdp.c daemon/keeper/veil/veil_sdp.h \
	daemon/tunnelnets.c daemon/tunnelnets.h \
	daemon/uri.c daemon/uri.h
BASE_LIBS = daemon/libbase.a $(CONFIG_LIBS) $(CRYPTO_LIBS)

# frame: what the parent and its children share
noinst_LIBRARIES += daemon/libframe.a
daemon_libframe_a_SOURCES = \
	daemon/account.c daemon/account.h \
	daemon/child.c daemon/child.h \
	daemon/confine.c daemon/confine.h \
	daemon/ikecert.c daemon/ikecert.h \
	daemon/ipc.c daemon/ipc.h daemon/ipc_wire.h \
	daemon/ipcwatch.c daemon/ipcwatch.h \
	daemon/landlock.c daemon/landlock.h \
	daemon/message.c daemon/message.h \
	daemon/module.c daemon/module.h \
	daemon/password.c daemon/password.h \
	daemon/pem.c daemon/pem.h \
	daemon/policy.c daemon/policy.h \
	daemon/profile.c daemon/profile.h \
	daemon/process.c daemon/process.h \
	daemon/psk.c daemon/psk.h \
	daemon/registrar.c daemon/registrar.h \
	daemon/screening.c daemon/screening.h \
	daemon/settings.c daemon/settings.h \
	daemon/spent.c daemon/spent.h \
	daemon/tlsfile.c daemon/tlsfile.h \
	daemon/tunneling.c daemon/tunneling.h \
	daemon/tunnelpeer.c daemon/tunnelpeer.h \
	daemon/version.c daemon/version.h
FRAME_LIBS = daemon/libframe.a $(BASE_LIBS) $(SECCOMP_LIBS) $(EVENT_LIBS)

include daemon/parent/local.mk
include daemon/engine/local.mk
include daemon/keeper/local.mk
include daemon/relay/local.mk
include daemon/tunnel/local.mk
