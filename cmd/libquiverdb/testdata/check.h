/* What the test programs share. Each gets an empty folder to work in. */
#ifndef CHECK_H
#define CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "quiverdb.h"

#define CHECK(what) \
	do { \
		if (!(what)) { \
			char *why_ = qdb_last_error_dup(); \
			fprintf(stderr, "%s:%d: not so: %s (last error: %s)\n", __FILE__, __LINE__, #what, why_ ? why_ : "none"); \
			exit(1); \
		} \
	} while (0)

/* What fails must fail with a code, its name in the JSON, and a message. */
#define FAILS(code, what) \
	do { \
		char *m_, *j_; \
		char want_[64]; \
		CHECK(what); \
		if (qdb_last_error_code() != (code)) { \
			fprintf(stderr, "%s:%d: %s: code %d (%s), want %d\n", __FILE__, __LINE__, #what, \
				(int)qdb_last_error_code(), qdb_error_name(qdb_last_error_code()), (int)(code)); \
			exit(1); \
		} \
		m_ = qdb_last_error_dup(); \
		j_ = qdb_last_error_json(); \
		CHECK(m_ != NULL && *m_ != 0 && j_ != NULL); \
		snprintf(want_, sizeof want_, "\"kind\":\"%s\"", qdb_error_name(code)); \
		CHECK(strstr(j_, want_) != NULL); \
		qdb_free_string(m_); \
		qdb_free_string(j_); \
	} while (0)

/* A text as a key, value or prefix. */
#define S(text) (const uint8_t *)(text), strlen(text)

static inline const char *path_in(const char *dir, const char *name)
{
	static char paths[8][4096];
	static int next;
	char *p = paths[next++ % 8];

	snprintf(p, sizeof paths[0], "%s/%s", dir, name);
	return p;
}

/* 1 if the last error's message, or JSON, has the text in it. */
static inline int said(const char *text)
{
	char *m = qdb_last_error_dup(), *j = qdb_last_error_json();
	int in = (m != NULL && strstr(m, text) != NULL) || (j != NULL && strstr(j, text) != NULL);

	qdb_free_string(m);
	qdb_free_string(j);
	return in;
}

/* 1 if a key has just that value. */
static inline int has_value(qdb_db *db, const char *key, const char *value)
{
	uint8_t buf[256];
	size_t n;

	return qdb_get_into(db, S(key), buf, sizeof buf, &n) == 0 && n == strlen(value) && memcmp(buf, value, n) == 0;
}

static inline qdb_db *new_db(const char *path)
{
	qdb_db *db;

	CHECK(qdb_init_db(path, 4096, 16) == 0);
	CHECK((db = qdb_open(path)) != NULL);
	return db;
}

static inline void put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static inline uint32_t get_u32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Packs an operation behind at; gives the place behind it. */
static inline uint8_t *pack(uint8_t *at, int kind, const void *key, size_t kn, const void *value, size_t vn)
{
	*at = (uint8_t)kind;
	put_u32(at + 1, (uint32_t)kn);
	put_u32(at + 5, (uint32_t)vn);
	if (kn)
		memcpy(at + 9, key, kn);
	if (vn)
		memcpy(at + 9 + kn, value, vn);
	return at + 9 + kn + vn;
}

/* n pairs "k000000".. with values of value_len bytes, in one batch. */
static inline void fill(qdb_db *db, int n, size_t value_len)
{
	uint8_t *ops = malloc((size_t)n * (16 + value_len)), *at = ops, *value = malloc(value_len + 1);
	char key[16];

	for (int i = 0; i < n; i++) {
		snprintf(key, sizeof key, "k%06d", i);
		memset(value, 'a' + i % 26, value_len);
		at = pack(at, QDB_OP_PUT, key, 7, value, value_len);
	}
	CHECK(qdb_write(db, ops, (size_t)(at - ops), 0) == 0);
	free(ops);
	free(value);
}

#endif
