# CALLSEAL_MODULE(PROCESS, NAME): modules/NAME runs in PROCESS; its record is
# NAME_module.
AC_DEFUN([CALLSEAL_MODULE], [
  MODULE_EXTERNS="$MODULE_EXTERNS extern const struct module $2_module;"
  MODULES_$1="${MODULES_$1} &$2_module,"
])
AC_DEFUN([CALLSEAL_MODULES_DONE], [
  AC_SUBST([MODULE_EXTERNS])
  AC_SUBST([MODULES_engine])
  AC_SUBST([MODULES_keeper])
  AC_SUBST([MODULES_relay])
  AC_SUBST([MODULES_tunnel])
])
