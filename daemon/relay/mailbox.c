/* mailbox.c - messages between the relay's threads. See mailbox.h.
 *
 * The eventfd is written only when the box was empty, and read only when it
 * is taken, so a burst costs one wake-up. */
#include "daemon/relay/mailbox.h"

#include "daemon/base/err.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mailbox {
	pthread_mutex_t lock;
	struct mail *first, **end; /* under lock */
	int fd;
};

int mailbox_new(struct mailbox **out)
{
	struct mailbox *m = calloc(1, sizeof *m);

	if (!m)
		return E_NOMEM;
	m->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->fd < 0) {
		free(m);
		return E_IO;
	}
	pthread_mutex_init(&m->lock, NULL);
	m->end = &m->first;
	*out = m;
	return 0;
}

void mailbox_free(struct mailbox *m, void (*drop)(struct mail *mail))
{
	struct mail *mail, *next;

	if (!m)
		return;
	for (mail = m->first; mail; mail = next) {
		next = mail->next;
		drop(mail);
	}
	pthread_mutex_destroy(&m->lock);
	close(m->fd);
	free(m);
}

int mailbox_fd(const struct mailbox *m)
{
	return m->fd;
}

void mailbox_post(struct mailbox *m, struct mail *mail)
{
	const uint64_t one = 1;
	struct mail *was;

	mail->next = NULL;
	pthread_mutex_lock(&m->lock);
	was = m->first;
	*m->end = mail;
	m->end = &mail->next;
	pthread_mutex_unlock(&m->lock);
	/* it can only fail when the counter is full, hence readable */
	if (!was && write(m->fd, &one, sizeof one) < 0)
		return;
}

struct mail *mailbox_take(struct mailbox *m)
{
	struct mail *all;
	uint64_t count;

	/* first quiet, then take: what is posted between wakes again */
	if (read(m->fd, &count, sizeof count) < 0)
		count = 0;
	pthread_mutex_lock(&m->lock);
	all = m->first;
	m->first = NULL;
	m->end = &m->first;
	pthread_mutex_unlock(&m->lock);
	return all;
}
