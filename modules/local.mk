# One line a module.
include modules/sip/local.mk
include modules/control/local.mk
include modules/mikey/local.mk
include modules/sdes/local.mk
include modules/smime/local.mk
include modules/srtp/local.mk
include modules/vici/local.mk
include modules/xfrm/local.mk
