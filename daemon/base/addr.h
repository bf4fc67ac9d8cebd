/* addr.h - transport addresses and networks, by value. */
#ifndef CALLSEAL_ADDR_H
#define CALLSEAL_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* An IPv4 or IPv6 address with a port. family 0 means none. IPv4 lies in the
 * first four bytes of ip; the rest is zero, so that memcmp() compares. */
struct addr {
	uint16_t port;  /* host order */
	uint8_t family; /* 0, 4 or 6 */
	uint8_t pad;
	uint8_t ip[16]; /* network order */
};

struct net {
	struct addr base;
	uint8_t bits; /* length of the prefix */
};

#define ADDR_TEXT 64 /* room for addr_text() */

/* Parses "192.0.2.1", "192.0.2.1:5060", "2001:db8::1" or
 * "[2001:db8::1]:5060"; the port is 0 when absent. No names. */
int addr_parse(const char *text, struct addr *out);
/* As addr_parse() reads it, with the port unless it is 0. Returns out. */
const char *addr_text(const struct addr *a, char out[static ADDR_TEXT]);
/* Only the address, without brackets or port, as SDP's c= line wants it. */
const char *addr_host(const struct addr *a, char out[static ADDR_TEXT]);
bool addr_equal(const struct addr *a, const struct addr *b);
/* As addr_equal(), whatever the ports. */
bool addr_same_host(const struct addr *a, const struct addr *b);
/* 0.0.0.0, :: or no address at all. */
bool addr_is_any(const struct addr *a);
/* Whether it can be the address of one host: not any, 0/8, multicast or above,
 * nor IPv4 in IPv6. */
bool addr_is_host(const struct addr *a);
/* One that no network leads to: 127/8, ::1. */
bool addr_is_loopback(const struct addr *a);
/* Fills a socket address; returns its length, or 0 for no address. */
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out);
/* From a socket address; an IPv4-mapped IPv6 address becomes IPv4. */
int addr_from_sockaddr(const struct sockaddr *sa, struct addr *out);

/* Parses "192.0.2.0/24" or "2001:db8::/32"; without "/" one host. */
int net_parse(const char *text, struct net *out);
/* Clears what is behind the prefix: 192.0.2.7/24 is 192.0.2.0/24. */
void net_trim(struct net *n);
bool net_equal(const struct net *a, const struct net *b);
bool net_contains(const struct net *net, const struct addr *a);

#endif
