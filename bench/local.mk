# bench
include bench/transform.mk
