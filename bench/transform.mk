# The transforms, ns a packet
