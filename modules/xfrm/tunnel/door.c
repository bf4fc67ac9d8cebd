/* door.c - see door.h. The kernel takes ESP out of UDP at a socket that has
 * UDP_ENCAP set. What it cannot take, IKE and strays, would lie in the socket's
 * queue: that is made as small as can be, and what does not fit is dropped. A
 * keep-alive (RFC 3948 2.3) never comes so far. It has to leave from this very
 * socket, for the NAT before us knows ESP's way back by the port it came
 * from. */
#include "modules/xfrm/tunnel/door.h"

#include "daemon/base/err.h"

#include <linux/udp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *set_up(int fd, const struct addr *at)
{
	static const int encap = UDP_ENCAP_ESPINUDP, one = 1, least = 1;
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(at, &sa);

	if (at->family == 6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one))
		return "IPV6_V6ONLY";
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof least))
		return "SO_RCVBUF";
	if (setsockopt(fd, IPPROTO_UDP, UDP_ENCAP, &encap, sizeof encap))
		return "UDP_ENCAP";
	return bind(fd, (struct sockaddr *)&sa, len) ? "bind()" : NULL;
}

int door_open(const struct addr *host, unsigned port, int *fd,
	      const char **why)
{
	struct addr at = *host;
	int s = socket(host->family == 4 ? AF_INET : AF_INET6,
		       SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*why = "socket()";
	at.port = (uint16_t)port;
	if (s >= 0)
		*why = set_up(s, &at);
	if (s >= 0 && !*why) {
		*fd = s;
		return 0;
	}
	if (s >= 0)
		close(s);
	return E_IO;
}

int door_keep(int fd, const struct addr *far)
{
	static const uint8_t octet = 0xff;
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(far, &sa);

	return sendto(fd, &octet, sizeof octet, MSG_DONTWAIT | MSG_NOSIGNAL,
		      (struct sockaddr *)&sa, len) == 1 ? 0 : E_IO;
}
