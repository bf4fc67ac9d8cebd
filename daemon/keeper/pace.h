/* pace.h - how the keeper shares the CPU: an exponentiation takes a thousand
 * times as long as any step of a plain call, and nobody waits for a packet or
 * a response of the keeper's. Any thread, no state. */
#ifndef CALLSEAL_KEEPER_PACE_H
#define CALLSEAL_KEEPER_PACE_H

/* Once, before the process is confined: this process gives way to those that
 * only pass messages and packets. Where the kernel refuses, it does without. */
void pace_behind_others(void);
/* Before each operation with a private or a public key: whoever waits goes
 * first. Costs a system call, under a microsecond. */
void pace_let_others(void);

#endif
