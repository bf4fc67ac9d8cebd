# relay
include daemon/relay/rtp.mk
