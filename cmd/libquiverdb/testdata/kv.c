#include "check.h"

static void lengths(qdb_db *db)
{
	uint8_t buf[8];
	size_t n = 77;
	uint64_t max_key, max_value;
	uint8_t *out, *big;

	CHECK(qdb_put(db, S("eight"), S("12345678")) == 0);
	CHECK(qdb_get_into(db, S("eight"), buf, 8, &n) == 0 && n == 8 && memcmp(buf, "12345678", 8) == 0);
	CHECK(qdb_get_into(db, S("eight"), buf, 7, &n) == 2 && n == 8);
	CHECK(qdb_get_into(db, S("eight"), NULL, 0, &n) == 2 && n == 8);
	CHECK(qdb_get_into(db, S("none"), buf, 8, &n) == 1);
	CHECK(qdb_put(db, NULL, 0, NULL, 0) == 0);
	CHECK(qdb_get_into(db, NULL, 0, NULL, 0, &n) == 0 && n == 0);
	CHECK(qdb_get(db, NULL, 0, &out, &n) == 0 && out != NULL && n == 0);
	qdb_free_buf(out, n);
	CHECK(qdb_has(db, NULL, 0) == 1 && qdb_has(db, S("eight")) == 1 && qdb_has(db, S("none")) == 0);

	CHECK(qdb_limits(db, &max_key, &max_value) == 0 && qdb_limits(db, NULL, NULL) == 0);
	CHECK(max_key == 4096 - 90 && max_value > 1 << 20);
	big = malloc(3 << 20);
	memset(big, 'x', 3 << 20);
	CHECK(qdb_put(db, big, max_key, S("long key")) == 0 && qdb_has(db, big, max_key) == 1);
	FAILS(QDB_ERR_TOO_LARGE, qdb_put(db, big, max_key + 1, S("too long")) == -1);
	FAILS(QDB_ERR_TOO_LARGE, qdb_put(db, S("k"), big, (size_t)max_value + 1) == -1);
	FAILS(QDB_ERR_TOO_LARGE, qdb_put(db, S("k"), big, SIZE_MAX) == -1);

	/* A long value into memory that just holds it: it is not touched behind. */
	CHECK(qdb_put(db, S("big"), big, 3000001) == 0);
	memset(big, 0, 3 << 20);
	CHECK(qdb_get_into(db, S("big"), big, 3000000, &n) == 2 && n == 3000001);
	CHECK(qdb_get_into(db, S("big"), big, 3000001, &n) == 0 && n == 3000001);
	CHECK(big[0] == 'x' && big[3000000] == 'x' && big[3000001] == 0);
	free(big);
}

static void deletes(qdb_db *db)
{
	uint64_t n = 99, all;

	CHECK(qdb_put(db, S("p/1"), S("a")) == 0 && qdb_put(db, S("p/2"), S("b")) == 0 && qdb_put(db, S("q"), S("c")) == 0);
	CHECK(qdb_count(db, S("p/"), &n) == 0 && n == 2);
	CHECK(qdb_count(db, NULL, 0, &all) == 0 && all > 3);
	CHECK(qdb_delete(db, S("q")) == 0 && qdb_delete(db, S("q")) == 1 && qdb_del(db, S("q")) == 1);
	CHECK(qdb_delete_prefix(db, S("p/"), &n) == 0 && n == 2);
	CHECK(qdb_delete_prefix(db, S("p/"), NULL) == 0);
	CHECK(qdb_count(db, S("p/"), &n) == 0 && n == 0);
	CHECK(qdb_delete_prefix(db, NULL, 0, &n) == 0 && n == all - 3);
}

static void batches(qdb_db *db)
{
	uint8_t ops[256], *end = ops;
	uint64_t before, after;

	CHECK(qdb_put(db, S("old"), S("1")) == 0);
	end = pack(end, QDB_OP_PUT, "a", 1, "1", 1);
	end = pack(end, QDB_OP_PUT, "", 0, "", 0);
	end = pack(end, QDB_OP_DELETE, "old", 3, "", 0);
	end = pack(end, QDB_OP_DELETE, "never", 5, "", 0);
	end = pack(end, QDB_OP_PUT, "a", 1, "2", 1);
	CHECK(qdb_write(db, ops, (size_t)(end - ops), 0) == 0);
	CHECK(has_value(db, "a", "2") && has_value(db, "", "") && qdb_has(db, S("old")) == 0);

	/* Cut off anywhere but between two operations, nothing happens. */
	CHECK(qdb_delete(db, S("a")) == 0);
	CHECK(qdb_last_lsn(db, &before) == 0);
	for (size_t n = 1; n < (size_t)(end - ops); n++)
		if (n != 11 && n != 20 && n != 32 && n != 46)
			FAILS(QDB_ERR_INVALID, qdb_write(db, ops, n, 0) == -1);
	ops[11] = 2;
	FAILS(QDB_ERR_INVALID, qdb_write(db, ops, (size_t)(end - ops), 0) == -1 && said("byte 11"));
	put_u32(ops + 12, UINT32_MAX);
	put_u32(ops + 16, UINT32_MAX);
	ops[11] = QDB_OP_PUT;
	FAILS(QDB_ERR_INVALID, qdb_write(db, ops, (size_t)(end - ops), 0) == -1);
	end = pack(ops, QDB_OP_DELETE, "a", 1, "1", 1);
	FAILS(QDB_ERR_INVALID, qdb_write(db, ops, (size_t)(end - ops), 0) == -1);
	FAILS(QDB_ERR_INVALID, qdb_write(db, ops, 0, 2) == -1);
	FAILS(QDB_ERR_INVALID, qdb_write(db, NULL, 5, 0) == -1);
	CHECK(qdb_last_lsn(db, &after) == 0 && after == before);
	CHECK(qdb_write(db, NULL, 0, 0) == 0);

	end = pack(ops, QDB_OP_PUT, "soon", 4, "1", 1);
	CHECK(qdb_write(db, ops, (size_t)(end - ops), QDB_WRITE_NO_SYNC) == 0 && has_value(db, "soon", "1"));
	CHECK(qdb_sync(db) == 0 && qdb_last_lsn(db, &after) == 0 && after > before);
	CHECK(qdb_checkpoint(db) == 0);
}

int main(int argc, char **argv)
{
	qdb_db *db;
	char *stats;

	CHECK(argc == 2);
	db = new_db(path_in(argv[1], "db"));
	lengths(db);
	deletes(db);
	batches(db);
	CHECK((stats = qdb_stats_json(db)) != NULL && strstr(stats, "\"page_size\":4096") != NULL);
	qdb_free_string(stats);
	CHECK(qdb_close_checked(db) == 0);
	CHECK((db = qdb_open(path_in(argv[1], "db"))) != NULL && has_value(db, "soon", "1"));
	CHECK(qdb_close_checked(db) == 0);
	CHECK(qdb_last_error_code() != QDB_OK);
	return 0;
}
