/* mailbox.h - messages between the relay's threads, by pointer.
 *
 * Any thread posts, one thread takes. The lock is held for a few pointer
 * moves and never on the way of a packet. */
#ifndef CALLSEAL_MAILBOX_H
#define CALLSEAL_MAILBOX_H

#include <stddef.h>

/* The head of what is posted: the first member of the sender's struct. Who
 * takes it owns it. */
struct mail {
	struct mail *next;
};

struct mailbox;

int mailbox_new(struct mailbox **out);
/* Gives what is left to drop(), in order. */
void mailbox_free(struct mailbox *m, void (*drop)(struct mail *mail));
/* Becomes readable when something was posted. */
int mailbox_fd(const struct mailbox *m);
void mailbox_post(struct mailbox *m, struct mail *mail);
/* All that was posted, in order, or NULL; the descriptor is quiet again. */
struct mail *mailbox_take(struct mailbox *m);

#endif
