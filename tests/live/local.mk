# live: whole calls with real peers; run by tests/live/run, as root
EXTRA_DIST += tests/live
