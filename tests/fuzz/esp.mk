# MIKEY that keys ESP
FUZZ_TARGETS += tests/fuzz/fuzz_keyed
tests_fuzz_fuzz_keyed_SOURCES = tests/fuzz/fuzz_keyed.c $(FUZZ_MAIN)
tests_fuzz_fuzz_keyed_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_keyed_LDADD = $(BASE_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_esp
tests_fuzz_fuzz_esp_SOURCES = tests/fuzz/fuzz_esp.c $(FUZZ_MAIN)
tests_fuzz_fuzz_esp_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_esp_LDADD = $(MIKEY_LIBS) $(BASE_LIBS)
