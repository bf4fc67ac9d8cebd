/* refusal.c - errno by errno, for SAs and for policies. See refusal.h. */
#include "modules/xfrm/refusal.h"

#include "daemon/base/err.h"

#include <errno.h>
#include <stdbool.h>

enum about { SA = 1, POLICY = 2, RESERVE = 4, BOTH = SA | POLICY | RESERVE };

static const struct {
	int error;
	enum about about;
	struct refusal r;
} rows[] = {
	{ EEXIST, SA, { E_EXISTS,
		"there is an SA with this SPI and destination already",
		"take another SPI; \"ip xfrm state\" shows who else keys ESP "
		"on this host" } },
	{ EEXIST, POLICY, { E_EXISTS,
		"there is a policy with this selector already; it was left as "
		"it is",
		"\"ip xfrm policy\" shows it: keep the selectors of IKE and "
		"of calls apart" } },
	{ EPERM, BOTH, { E_POLICY,
		"the process lacks CAP_NET_ADMIN in its network namespace",
		"start callseald by its systemd unit, or with that "
		"capability" } },
	{ EACCES, BOTH, { E_POLICY,
		"a security module of the kernel forbids it",
		"see the kernel's audit log" } },
	{ ESRCH, SA, { E_NOTFOUND, "there is no such SA (any more)",
		"none is needed: it expired, or something else deleted it" } },
	{ EEXIST, RESERVE, { E_EXISTS, "the SPI is taken",
		"take another SPI" } },
	{ ENOENT, RESERVE, { E_EXISTS, "the SPI is taken",
		"take another SPI" } },
	{ ENOENT, SA, { E_UNSUPPORTED,
		"the kernel lacks an algorithm, or what it is made of",
		"load the modules (modprobe gcm seqiv cbc authenc authencesn "
		"drbg), or leave the algorithm out of the profile" } },
	{ ENOENT, POLICY, { E_NOTFOUND, "there is no such policy (any more)",
		"none is needed: something else deleted it" } },
	{ ENOSYS, SA, { E_UNSUPPORTED,
		"the kernel has no such algorithm",
		"load its module (modprobe gcm seqiv cbc authenc), or leave "
		"the algorithm out of the profile" } },
	{ EAFNOSUPPORT, BOTH, { E_UNSUPPORTED,
		"the kernel has no IPsec for this address family",
		"modprobe esp4 esp6; a kernel without CONFIG_INET_ESP cannot "
		"be used with media = \"esp\"" } },
	{ EPROTONOSUPPORT, BOTH, { E_UNSUPPORTED,
		"the kernel has no ESP",
		"modprobe esp4 esp6 xfrm_user; a kernel without "
		"CONFIG_INET_ESP cannot be used with media = \"esp\"" } },
	{ ECONNREFUSED, BOTH, { E_UNSUPPORTED,
		"the kernel has no XFRM interface",
		"modprobe xfrm_user; a kernel without CONFIG_XFRM_USER cannot "
		"be used with media = \"esp\"" } },
	{ EOPNOTSUPP, BOTH, { E_UNSUPPORTED,
		"the kernel does not do this with these options",
		"leave out encapsulation in UDP, ESN or hardware offload; a "
		"newer kernel may have it" } },
	{ ENOPROTOOPT, BOTH, { E_UNSUPPORTED,
		"the kernel does not do this with these options",
		"a newer kernel may have it" } },
	{ ENOBUFS, BOTH, { E_FULL, "the kernel has no room for it now",
		"it is tried again with the next call; raise "
		"net.core.wmem_max, or allow fewer calls" } },
	{ ENOMEM, BOTH, { E_FULL, "the kernel has no memory for it",
		"allow fewer calls, or give the machine more memory" } },
	{ EINVAL, BOTH, { E_ARG, "the kernel finds the request wrong",
		"please report it, with the kernel's version" } },
	{ EMSGSIZE, BOTH, { E_ARG, "the kernel finds the request too long",
		"please report it, with the kernel's version" } },
	{ EAGAIN, BOTH, { E_AGAIN, "the kernel is not ready",
		"it is tried again with the next call" } },
};

static const struct refusal other = { E_IO, "the kernel refuses it",
				      "see the kernel's log" };

const struct refusal *refusal_of(enum request_kind kind, int error)
{
	enum about about = kind >= REQUEST_POLICY_ADD ? POLICY
			   : kind == REQUEST_SA_RESERVE ? RESERVE : SA;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].error == error && (rows[i].about & about))
			return &rows[i].r;
	return &other;
}
