#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/keeper/pace.h"

/* A batch process wakes up without pushing others aside. Nice alone is not
 * enough: a scheduler by deadlines (Linux 6.6 and later) lets a running one
 * end its slice before another that is no shorter; the long slice says that
 * all others are. Linux before 6.12 ignores it. */
enum { NICE = 5, SLICE_NS = 50 * 1000 * 1000 };

/* What the kernel calls struct sched_attr, first version. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

void pace_behind_others(void)
{
	struct attributes a = {
		.size = sizeof a, .policy = SCHED_BATCH, .nice = NICE,
		.runtime = SLICE_NS,
	};

	if (syscall(SYS_sched_setattr, 0, &a, 0))
		log_info("keeper", "keeps the common share of the CPU: %m");
}

void pace_let_others(void)
{
	sched_yield();
}
