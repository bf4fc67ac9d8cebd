/* mikey_vectors.h - reading tests/vectors (JSON) in MIKEY's unit tests.
 * VECTOR_DIR comes from the build. */
#ifndef CALLSEAL_TEST_MIKEY_VECTORS_H
#define CALLSEAL_TEST_MIKEY_VECTORS_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define VECTOR_MAX 1024

struct vector {
	uint8_t bytes[VECTOR_MAX];
	size_t len;
};

/* The array "cases" of a file; fails the test when it is not there. The
 * caller drops *root. */
static inline json_t *vector_cases(const char *file, json_t **root)
{
	char path[512];
	json_t *cases;

	snprintf(path, sizeof path, "%s/%s", VECTOR_DIR, file);
	*root = json_load_file(path, 0, NULL);
	cases = json_object_get(*root, "cases");
	assert_true(json_is_array(cases));
	return cases;
}

static inline unsigned vector_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

/* Hex text of one key of an object. */
static inline struct vector vector_hex(const json_t *o, const char *key)
{
	const char *hex = json_string_value(json_object_get(o, key));
	struct vector v = { .len = hex ? strlen(hex) / 2 : 0 };

	assert_non_null(hex);
	assert_in_range(v.len, 0, VECTOR_MAX);
	for (size_t i = 0; i < v.len; i++)
		v.bytes[i] = (uint8_t)(vector_digit(hex[2 * i]) << 4 |
				       vector_digit(hex[2 * i + 1]));
	return v;
}

#endif
