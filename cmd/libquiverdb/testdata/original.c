/* A program as it was written for the original's library: it brings its own
 * declarations and knows nothing of this header. */

#undef NDEBUG
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef void *QdbHandle;

extern int qdb_init_db(const char *path, uint32_t page_size, uint32_t buckets);
extern QdbHandle qdb_open(const char *path);
extern QdbHandle qdb_open_ro(const char *path);
extern QdbHandle qdb_open_with_config(const char *path, const char *json);
extern QdbHandle qdb_open_ro_with_config(const char *path, const char *json);
extern void qdb_close(QdbHandle db);
extern int qdb_put(QdbHandle db, const uint8_t *key, size_t key_len, const uint8_t *val, size_t val_len);
extern int qdb_get(QdbHandle db, const uint8_t *key, size_t key_len, uint8_t **out, size_t *out_len);
extern int qdb_del(QdbHandle db, const uint8_t *key, size_t key_len);
extern void qdb_free_buf(uint8_t *buf, size_t len);
extern char *qdb_last_error_dup(void);
extern void qdb_free_string(char *s);

#define B(s) (const uint8_t *)(s), strlen(s)

static void reads_and_writes(const char *path)
{
	QdbHandle db;
	uint8_t *out;
	size_t n;

	assert(qdb_init_db(path, 4096, 128) == 0);
	assert(qdb_init_db(path, 4096, 128) == 0);
	assert(qdb_init_db(path, 8192, 64) == 0);
	assert((db = qdb_open(path)) != NULL);
	assert(qdb_last_error_dup() == NULL);
	assert(qdb_put(db, B("alpha"), B("1")) == 0);
	assert(qdb_put(db, B("empty"), NULL, 0) == 0);
	assert(qdb_put(db, B("alpha"), B("one")) == 0);

	assert(qdb_get(db, B("alpha"), &out, &n) == 0);
	assert(n == 3 && memcmp(out, "one", 3) == 0);
	qdb_free_buf(out, n);
	assert(qdb_get(db, B("empty"), &out, &n) == 0);
	assert(n == 0 && out != NULL);
	qdb_free_buf(out, n);
	out = (uint8_t *)&n;
	assert(qdb_get(db, B("missing"), &out, &n) == 1 && out == NULL && n == 0);

	assert(qdb_del(db, B("empty")) == 0);
	assert(qdb_del(db, B("empty")) == 1);
	assert(qdb_get(db, B("empty"), &out, &n) == 1);
	qdb_close(db);
	qdb_close(NULL);
}

static void reads_only(const char *path)
{
	QdbHandle a, b;
	uint8_t *out;
	size_t n;
	char *why;

	assert((a = qdb_open_ro(path)) != NULL);
	assert((b = qdb_open_ro_with_config(path, "{\"page_cache_pages\": 8}")) != NULL);
	assert(qdb_put(a, B("x"), B("y")) == 1);
	assert(qdb_del(a, B("alpha")) == 1);
	assert(qdb_get(b, B("alpha"), &out, &n) == 0 && n == 3);
	qdb_free_buf(out, n);
	qdb_close(a);
	qdb_close(b);

	assert(qdb_open_with_config(path, "{\"no_such_thing\": 1}") == NULL);
	why = qdb_last_error_dup();
	assert(why != NULL && strstr(why, "no_such_thing") != NULL);
	qdb_free_string(why);
	assert((a = qdb_open_with_config(path,
		"{\"wal_coalesce_ms\": 0, \"data_fsync\": false, \"page_cache_pages\": 0, \"ovf_threshold_bytes\": 512,"
		" \"snap_persist\": true, \"snap_dedup\": true, \"snapstore_dir\": \"store\"}")) != NULL);
	assert(qdb_put(a, B("beta"), B("2")) == 0);
	qdb_close(a);
}

int main(int argc, char **argv)
{
	char path[4096];

	assert(argc == 2);
	snprintf(path, sizeof path, "%s/db", argv[1]);
	reads_and_writes(path);
	reads_only(path);
	snprintf(path, sizeof path, "%s/nowhere", argv[1]);
	assert(qdb_open(path) == NULL);
	qdb_free_string(qdb_last_error_dup());
	return 0;
}
