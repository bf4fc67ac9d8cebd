/* login.h - a keeper for the mock core that judges credentials as the real one
 * does, by a file of accounts of a.example. */
#ifndef CALLSEAL_MOCK_LOGIN_H
#define CALLSEAL_MOCK_LOGIN_H

#include "tests/mock/core.h"

int mock_login_open(struct engine *e, const char *path);
void mock_login_close(struct engine *e);
/* From now on it answers after so many ms. */
void mock_login_late(struct engine *e, unsigned ms);
/* From now on it gives this code; 0: its own verdict. */
void mock_login_err(struct engine *e, int err);

#endif
