/* test_xfrm_ledger.c - sub-ranges, keys that are spent, and the ledger: over
 * restarts, under damage, when full, without memory or disk. */
#include "config.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "modules/xfrm/keyset.h"
#include "modules/xfrm/ledger.h"
#include "modules/xfrm/range.h"
#include "tests/mock/alloc.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/xfrm_samples.h"

#define SLOT 128
#define MOST 8

static const uint8_t world[LEDGER_WORLD] = { 1 };

static int fd_new(void)
{
	int fd = memfd_create("ledger", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static struct ledger *open_at(int fd)
{
	struct ledger *l;

	assert_int_equal(ledger_new(fd, MOST, world, &l), 0);
	return l;
}

static struct ledger_record an_sa(uint32_t spi)
{
	struct ledger_record r = { .kind = LEDGER_SA, .sa = sample_sa() };

	r.sa.spi = spi;
	return r;
}

static struct ledger_record a_policy(uint16_t port)
{
	struct ledger_record r = { .kind = LEDGER_POLICY,
				   .policy = sample_policy() };

	r.policy.sel.sport = port;
	return r;
}

static uint32_t put(struct ledger *l, struct ledger_record r)
{
	uint32_t slot = 0;

	assert_int_equal(ledger_put(l, &r, &slot), 0);
	assert_int_not_equal(slot, 0);
	return slot;
}

static void a_restart_forgets_nothing_but_keys(void **state)
{
	static const uint8_t zero[ESP_KEY_MAX];
	const struct ledger_record *r;
	struct ipsec_policy p = a_policy(7).policy;
	struct addr dst = sample_addr("10.99.2.1");
	uint8_t bytes[(MOST + 1) * SLOT];
	int fd = fd_new();
	struct ledger *l = open_at(fd);
	ssize_t n;

	(void)state;
	assert_int_equal(ledger_range(l), RANGE_NONE);
	ledger_set_range(l, 77);
	put(l, an_sa(0x2001));
	put(l, a_policy(7));
	put(l, an_sa(0x2002));
	ledger_drop(l, 3);
	ledger_free(l);
	n = pread(fd, bytes, sizeof bytes, 0);
	assert_null(memmem(bytes, (size_t)n, sample_key(1).key, 16));
	l = open_at(fd);
	assert_int_equal(ledger_range(l), 77);
	assert_int_equal(ledger_count(l), 2);
	assert_false(ledger_damaged(l));
	r = ledger_at(l, ledger_find_sa(l, &dst, 0x2001));
	assert_int_equal(r->sa.reqid, 0x40000001);
	assert_memory_equal(r->sa.key.key, zero, sizeof zero);
	r = ledger_at(l, ledger_find_policy(l, &p));
	assert_true(ipsec_selector_equal(&r->policy.sel, &p.sel));
	assert_int_equal(r->policy.priority, p.priority);
	assert_int_equal(r->policy.spi, p.spi);
	assert_int_equal(ledger_find_sa(l, &dst, 0x2002), 0);
	p.dir = IPSEC_IN;
	assert_int_equal(ledger_find_policy(l, &p), 0);
	assert_int_equal(ledger_next(l, 0), 1);
	assert_int_equal(ledger_next(l, 1), 2);
	assert_int_equal(ledger_next(l, 2), 0);
	assert_null(ledger_at(l, 0));
	assert_null(ledger_at(l, 99));
	ledger_free(l);
	close(fd);
}

static void another_world_has_nothing_of_it(void **state)
{
	static const uint8_t other[LEDGER_WORLD] = { 2 };
	int fd = fd_new();
	struct ledger *l = open_at(fd);

	(void)state;
	ledger_set_range(l, 5);
	put(l, an_sa(0x2001));
	ledger_free(l);
	assert_int_equal(ledger_new(fd, MOST, other, &l), 0);
	assert_int_equal(ledger_range(l), 5);
	assert_int_equal(ledger_count(l), 0);
	ledger_free(l);
	l = open_at(fd);
	assert_int_equal(ledger_count(l), 0);
	ledger_free(l);
	close(fd);
}

static void the_world_stays_the_same(void **state)
{
	uint8_t a[LEDGER_WORLD], b[LEDGER_WORLD];

	(void)state;
	assert_int_equal(ledger_world(a), 0);
	assert_int_equal(ledger_world(b), 0);
	assert_memory_equal(a, b, sizeof a);
}

static void quiet(enum log_class c, const char *line)
{
	(void)c;
	(void)line;
}

static void damage_stays_within_its_record(void **state)
{
	uint8_t byte;
	int fd;

	(void)state;
	log_to(quiet);
	for (off_t at = 0; at < 2 * SLOT; at += 11) {
		struct ledger *l;

		fd = fd_new();
		l = open_at(fd);
		ledger_set_range(l, 5);
		put(l, an_sa(0x2001));
		put(l, a_policy(7));
		ledger_free(l);
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x40;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		l = open_at(fd);
		assert_true(ledger_damaged(l));
		assert_int_equal(ledger_range(l), at < SLOT ? RANGE_NONE : 5);
		assert_int_equal(ledger_count(l), at < SLOT ? 0 : 1);
		ledger_free(l);
		close(fd);
	}
	log_to(NULL);
}

static void it_fills_and_empties(void **state)
{
	struct ledger_record more = an_sa(999);
	int fd = fd_new();
	struct ledger *l = open_at(fd);
	uint32_t slot;

	(void)state;
	for (uint32_t i = 0; i < MOST; i++)
		assert_int_equal(put(l, an_sa(0x1000 + i)), i + 1);
	assert_int_equal(ledger_put(l, &more, &slot), E_FULL);
	ledger_drop(l, 3);
	assert_int_equal(put(l, more), 3);
	for (uint32_t i = 1; i <= MOST; i++)
		ledger_drop(l, i);
	assert_int_equal(ledger_next(l, 0), 0);
	ledger_drop(l, 1); /* nothing is there any more */
	assert_int_equal(ledger_count(l), 0);
	ledger_free(l);
	close(fd);
}

/* What lies beyond a smaller limit is not lost: a sweep finds it. */
static void a_smaller_one_knows_all_that_was(void **state)
{
	struct addr dst = sample_addr("10.99.2.1");
	struct ledger_record more = an_sa(999);
	int fd = fd_new();
	struct ledger *l = open_at(fd);
	uint32_t slot;

	(void)state;
	for (uint32_t i = 0; i < MOST; i++)
		put(l, an_sa(0x1000 + i));
	ledger_free(l);
	assert_int_equal(ledger_new(fd, 2, world, &l), 0);
	assert_false(ledger_damaged(l));
	assert_int_equal(ledger_count(l), MOST);
	assert_int_equal(ledger_find_sa(l, &dst, 0x1000 + MOST - 1), MOST);
	assert_int_equal(ledger_put(l, &more, &slot), E_FULL);
	ledger_drop(l, MOST);
	assert_int_equal(ledger_put(l, &more, &slot), E_FULL);
	ledger_drop(l, 2);
	assert_int_equal(put(l, more), 2);
	ledger_free(l);
	l = open_at(fd);
	assert_int_equal(ledger_count(l), MOST - 1);
	assert_int_equal(ledger_find_sa(l, &dst, 0x1000 + MOST - 1), 0);
	ledger_free(l);
	close(fd);
}

/* Each name leads to its slot, and to no other, whichever come and go. */
static void names_are_found_as_they_come_and_go(void **state)
{
	struct addr dst = sample_addr("10.99.2.1");
	bool there[3 * MOST] = { false };
	int fd = fd_new();
	struct ledger *l = open_at(fd);
	uint32_t slot;

	(void)state;
	for (uint32_t n = 0; n < 5000; n++) {
		uint32_t i = n * 7919 % (3 * MOST);
		struct ledger_record r = an_sa(0x1000 + i);

		if (there[i])
			ledger_drop(l, ledger_find_sa(l, &dst, r.sa.spi));
		else if (ledger_put(l, &r, &slot))
			continue;
		there[i] = !there[i];
		if (n % 100 == 99) { /* as well after a restart */
			ledger_free(l);
			l = open_at(fd);
		}
		for (uint32_t k = 0; k < 3 * MOST; k++) {
			slot = ledger_find_sa(l, &dst, 0x1000 + k);
			assert_int_equal(slot != 0, there[k]);
			if (slot)
				assert_int_equal(ledger_at(l, slot)->sa.spi,
						 0x1000 + k);
		}
	}
	ledger_free(l);
	close(fd);
}

static void a_full_disk_is_met_at_the_start(void **state)
{
	int fd = memfd_create("ledger", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct ledger *l = NULL;

	(void)state;
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	assert_int_equal(ledger_new(fd, MOST, world, &l), E_IO);
	assert_null(l);
	close(fd);
}

/* Sparse, it would meet a full disk when it is written to, and end us. */
static void all_room_is_taken_at_the_start(void **state)
{
	int fd = fd_new();
	struct ledger *l = open_at(fd);
	struct stat st;

	(void)state;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, (MOST + 1) * SLOT);
	assert_true(st.st_blocks * 512 >= st.st_size);
	ledger_free(l);
	/* a ledger of a shorter kind grows, and loses nothing */
	l = open_at(fd);
	put(l, an_sa(0x2001));
	ledger_free(l);
	assert_int_equal(ftruncate(fd, 2 * SLOT), 0);
	l = open_at(fd);
	assert_false(ledger_damaged(l));
	assert_int_equal(ledger_count(l), 1);
	ledger_free(l);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, (MOST + 1) * SLOT);
	close(fd);
}

/* An end between taking the room and writing the head, or of the machine. */
static void a_blank_file_is_a_first_start(void **state)
{
	int fd = fd_new();
	struct ledger *l;

	(void)state;
	assert_int_equal(ftruncate(fd, (MOST + 1) * SLOT), 0);
	l = open_at(fd);
	assert_false(ledger_damaged(l));
	ledger_free(l);
	/* but not where there are records without a head */
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(ftruncate(fd, (MOST + 1) * SLOT), 0);
	assert_int_equal(pwrite(fd, "x", 1, MOST * SLOT + 5), 1);
	log_to(quiet);
	l = open_at(fd);
	log_to(NULL);
	assert_true(ledger_damaged(l));
	ledger_free(l);
	close(fd);
}

/* A child that ends by SIGKILL behind its last change. */
static void write_and_die(int fd)
{
	struct ledger *l = open_at(fd);
	uint32_t slot;

	ledger_set_range(l, 5);
	put(l, an_sa(0x2001));
	slot = put(l, a_policy(7));
	ledger_drop(l, put(l, an_sa(0x2002)));
	ledger_turn(l, slot, 0x3003);
	ledger_rename(l, 1, 0x40000009);
	raise(SIGKILL);
}

static void what_was_said_before_a_kill_is_there(void **state)
{
	int fd = fd_new(), status;
	pid_t pid = fork();
	struct ledger *l;

	(void)state;
	if (!pid)
		write_and_die(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	l = open_at(fd);
	assert_false(ledger_damaged(l));
	assert_int_equal(ledger_range(l), 5);
	assert_int_equal(ledger_count(l), 2);
	assert_int_equal(ledger_at(l, 1)->sa.spi, 0x2001);
	assert_int_equal(ledger_at(l, 1)->sa.reqid, 0x40000009);
	assert_int_equal(ledger_at(l, 2)->policy.spi, 0x3003);
	ledger_free(l);
	close(fd);
}

/* What cannot be recorded must not get as far as the kernel. */
static void cut_short_it_ends_the_process(void **state)
{
	struct ledger_record r = an_sa(0x2001);
	int fd = fd_new(), status;
	struct ledger *l = open_at(fd);
	uint32_t slot;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		signal(SIGBUS, SIG_DFL);
		_exit(ftruncate(fd, 0) || ledger_put(l, &r, &slot));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	ledger_free(l);
	close(fd);
}

/* Of a record only the first bytes came. */
static void a_torn_record_is_damage(void **state)
{
	uint8_t bytes[SLOT] = { 0 };
	int fd;

	(void)state;
	log_to(quiet);
	for (size_t len = 1; len < SLOT; len++) {
		struct ledger *l;

		fd = fd_new();
		l = open_at(fd);
		put(l, a_policy(7));
		ledger_free(l);
		assert_int_equal(pread(fd, bytes, SLOT, SLOT), SLOT);
		memset(bytes + len, 0, SLOT - len);
		assert_int_equal(pwrite(fd, bytes, SLOT, SLOT), SLOT);
		l = open_at(fd);
		assert_true(ledger_damaged(l));
		assert_int_equal(ledger_count(l), 0);
		ledger_free(l);
		close(fd);
	}
	log_to(NULL);
}

static void two_processes_do_not_share_it(void **state)
{
	char path[] = "/tmp/callseal-ledger-XXXXXX";
	int one = mkstemp(path), two = open(path, O_RDWR | O_CLOEXEC);
	struct ledger *l = open_at(one), *other;

	(void)state;
	assert_int_equal(ledger_new(two, MOST, world, &other), E_EXISTS);
	ledger_free(l);
	close(one);
	assert_int_equal(ledger_new(two, MOST, world, &other), 0);
	ledger_free(other);
	close(two);
	unlink(path);
}

/* -- sub-ranges ----------------------------------------------------------- */

static void ranges_do_not_overlap(void **state)
{
	struct range last = { 0 };

	(void)state;
	for (uint32_t n = 0; n < RANGES; n++) {
		struct range r = range_of(n);

		assert_int_equal(range_of_reqid(r.reqid_first), n);
		assert_int_equal(range_of_reqid(r.reqid_last), n);
		assert_true(!n || r.reqid_first == last.reqid_last + 1);
		assert_true(n ? r.spi_first == last.spi_last + 1
			      : r.spi_first == 0x100);
		last = r;
	}
	assert_int_equal(last.reqid_last, 0x7fffffff);
	assert_in_range(last.spi_last, 0xbff00000, 0xbfffffff);
	assert_int_equal(range_of_reqid(0x3fffffff), RANGE_NONE);
	assert_int_equal(range_of_reqid(0x80000000), RANGE_NONE);
}

static void priorities_tell_whose_a_policy_is(void **state)
{
	struct range r = range_of(4095);
	struct ipsec_policy p = sample_policy();
	uint32_t bypass = range_priority(&r, IPSEC_BYPASS, 0);
	uint32_t block = range_priority(&r, IPSEC_BLOCK, 0);

	(void)state;
	for (unsigned rank = 0; rank < RANGE_RANKS; rank++) {
		uint32_t at = range_priority(&r, IPSEC_PROTECT, rank);

		assert_true(bypass < at && at < block && at < 100000);
	}
	p.reqid = r.reqid_first;
	assert_int_equal(range_of_policy(&p), 4095);
	p.action = IPSEC_BYPASS;
	p.priority = bypass;
	assert_int_equal(range_of_policy(&p), 4095);
	p.action = IPSEC_BLOCK;
	assert_int_equal(range_of_policy(&p), RANGE_NONE);
	p.priority = block;
	assert_int_equal(range_of_policy(&p), 4095);
}

static bool taken(void *user, uint32_t n)
{
	++*(unsigned *)user;
	return n % 2;
}

static bool all_taken(void *user, uint32_t n)
{
	(void)user;
	(void)n;
	return true;
}

static void a_range_is_one_processes(void **state)
{
	unsigned asked = 0;
	uint32_t n = 1;
	int fd, other;

	(void)state;
	assert_int_equal(range_claim(taken, &asked, &n, &fd), 0);
	assert_int_equal(n % 2, 0);
	assert_true(asked);
	assert_int_equal(range_lock(n, &other), E_EXISTS);
	close(fd);
	assert_int_equal(range_lock(n, &other), 0);
	close(other);
	assert_int_equal(range_claim(all_taken, NULL, &n, &fd), E_FULL);
}

/* -- keys ----------------------------------------------------------------- */

static void no_key_comes_twice(void **state)
{
	struct esp_key key = sample_key(ESP_AES_128_GCM);
	struct keyset *s;

	(void)state;
	assert_int_equal(keyset_new(1000, &s), 0);
	assert_int_equal(keyset_add(s, &key), 0);
	assert_int_equal(keyset_add(s, &key), E_REPLAY);
	key.salt[0] ^= 1; /* another salt does not make it another key */
	assert_int_equal(keyset_add(s, &key), E_REPLAY);
	key.key[15] ^= 1;
	assert_int_equal(keyset_add(s, &key), 0);
	key.key[16] ^= 1; /* not used */
	assert_int_equal(keyset_add(s, &key), E_REPLAY);
	key = sample_key(ESP_AES_256_CBC_SHA256);
	assert_int_equal(keyset_add(s, &key), 0);
	key.key[0] ^= 1; /* the authentication key is the same */
	assert_int_equal(keyset_add(s, &key), E_REPLAY);
	memcpy(key.auth, key.key, sizeof key.auth);
	assert_int_equal(keyset_add(s, &key), E_REPLAY);
	assert_int_equal(keyset_count(s), 4);
	keyset_free(s);
}

static int add_key(struct keyset *s, uint32_t i)
{
	struct esp_key key = sample_key(ESP_AES_256_GCM);

	memcpy(key.key, &i, sizeof i);
	return keyset_add(s, &key);
}

/* The last ones, for ever, in bounded memory. */
static void the_last_keys_are_remembered(void **state)
{
	struct keyset *s;

	(void)state;
	assert_int_equal(keyset_new(5000, &s), 0);
	for (uint32_t i = 0; i < 30000; i++) {
		assert_int_equal(add_key(s, i), 0);
		if (i % 7 == 0 && i >= 4999)
			assert_int_equal(add_key(s, i - 4999), E_REPLAY);
	}
	for (uint32_t i = 25000; i < 30000; i++)
		assert_int_equal(add_key(s, i), E_REPLAY);
	assert_int_equal(keyset_count(s), 10000);
	assert_int_equal(add_key(s, 0), 0); /* long forgotten */
	assert_int_equal(keyset_count(s), 5001);
	keyset_free(s);
	keyset_free(NULL);
}

static void with_little_memory(void *user)
{
	struct esp_key key = sample_key(ESP_AES_128_GCM);
	struct ledger *l = NULL;
	struct keyset *s;
	int fd = fd_new();

	(void)user;
	if (!ledger_new(fd, MOST, world, &l))
		ledger_free(l);
	close(fd);
	if (keyset_new(1000, &s))
		return;
	for (uint32_t i = 0; i < 100; i++) {
		size_t before = keyset_count(s);
		int r;

		memcpy(key.key, &i, sizeof i);
		r = keyset_add(s, &key);
		assert_true(r == 0 || r == E_NOMEM);
		assert_int_equal(keyset_count(s), before + !r);
	}
	keyset_free(s);
}

static void memory_may_run_out(void **state)
{
	(void)state;
	assert_true(alloc_walk(with_little_memory, NULL) >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restart_forgets_nothing_but_keys),
		cmocka_unit_test(another_world_has_nothing_of_it),
		cmocka_unit_test(the_world_stays_the_same),
		cmocka_unit_test(damage_stays_within_its_record),
		cmocka_unit_test(it_fills_and_empties),
		cmocka_unit_test(a_smaller_one_knows_all_that_was),
		cmocka_unit_test(names_are_found_as_they_come_and_go),
		cmocka_unit_test(a_full_disk_is_met_at_the_start),
		cmocka_unit_test(all_room_is_taken_at_the_start),
		cmocka_unit_test(a_blank_file_is_a_first_start),
		cmocka_unit_test(what_was_said_before_a_kill_is_there),
		cmocka_unit_test(cut_short_it_ends_the_process),
		cmocka_unit_test(a_torn_record_is_damage),
		cmocka_unit_test(two_processes_do_not_share_it),
		cmocka_unit_test(ranges_do_not_overlap),
		cmocka_unit_test(priorities_tell_whose_a_policy_is),
		cmocka_unit_test(a_range_is_one_processes),
		cmocka_unit_test(no_key_comes_twice),
		cmocka_unit_test(the_last_keys_are_remembered),
		cmocka_unit_test(memory_may_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
