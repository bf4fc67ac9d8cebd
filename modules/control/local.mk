# control: the operator's socket
noinst_LIBRARIES += modules/control/libcontrol.a
modules_control_libcontrol_a_SOURCES = \
	modules/control/client.c \
	modules/control/command.c \
	modules/control/control.c modules/control/control.h
CONTROL_LIBS = modules/control/libcontrol.a $(ENGINE_LIBS)
