#include "daemon/module.h"
extern const struct module sip_module;
const struct module sip_module = { .name = "sip", .process = PROC_ENGINE };
