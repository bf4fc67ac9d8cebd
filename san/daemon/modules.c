/* modules.c - the modules of each process. Made by configure. */
#include "daemon/module.h"

 extern const struct module sip_module; extern const struct module control_module; extern const struct module mikey_module; extern const struct module sdes_module; extern const struct module srtp_module;

static const struct module *const engine[] = {  &sip_module, &control_module, NULL };
static const struct module *const keeper[] = {  &mikey_module, &sdes_module, NULL };
static const struct module *const relay[] = {  &srtp_module, NULL };
static const struct module *const tunnel[] = {  NULL };
static const struct module *const none[] = { NULL };

const struct module *const *modules_of(enum process p)
{
	switch (p) {
	case PROC_ENGINE:
		return engine;
	case PROC_KEEPER:
		return keeper;
	case PROC_RELAY:
		return relay;
	case PROC_TUNNEL:
		return tunnel;
	default:
		return none;
	}
}
