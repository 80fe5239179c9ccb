#include "check.h"

/* The id of the only snapshot in a list. */
static char *only_id(const char *list)
{
	static char id[256];
	const char *at = strstr(list, "\"id\":\"");

	CHECK(at != NULL && strstr(at + 1, "\"id\":\"") == NULL);
	CHECK(sscanf(at, "\"id\":\"%255[^\"]", id) == 1);
	return id;
}

static void of_the_moment(const char *path)
{
	qdb_db *db = new_db(path);
	qdb_snapshot *snap;
	qdb_scan *scan;
	uint8_t buf[4096], *out;
	size_t n, count;
	uint64_t lsn, now, keys;
	char *id, *list;

	CHECK(qdb_put(db, S("a"), S("old")) == 0 && qdb_put(db, S("gone"), S("soon")) == 0);
	CHECK((snap = qdb_snapshot_begin(db)) != NULL);
	CHECK(qdb_put(db, S("a"), S("new value")) == 0 && qdb_delete(db, S("gone")) == 0);
	CHECK(qdb_snapshot_get_into(snap, S("a"), buf, sizeof buf, &n) == 0 && n == 3 && memcmp(buf, "old", 3) == 0);
	CHECK(qdb_snapshot_get_into(snap, S("a"), buf, 2, &n) == 2 && n == 3);
	CHECK(qdb_snapshot_get_into(snap, S("none"), buf, 2, &n) == 1);
	CHECK(qdb_snapshot_get(snap, S("a"), &out, &n) == 0 && n == 3 && memcmp(out, "old", 3) == 0);
	qdb_free_buf(out, n);
	CHECK(qdb_snapshot_has(snap, S("gone")) == 1 && qdb_has(db, S("gone")) == 0);
	CHECK(qdb_snapshot_count(snap, NULL, 0, &keys) == 0 && keys == 2);
	CHECK(qdb_snapshot_lsn(snap, &lsn) == 0 && qdb_last_lsn(db, &now) == 0 && lsn < now);
	CHECK((scan = qdb_snapshot_scan_open(snap, S("g"), 0)) != NULL);
	CHECK(qdb_scan_next(scan, buf, sizeof buf, &n, &count) == 0 && count == 1 && memcmp(buf + 8, "gonesoon", 8) == 0);
	CHECK((id = qdb_snapshot_id(snap)) != NULL && *id != 0);
	qdb_free_string(id);
	CHECK((list = qdb_snapshots_json(db)) != NULL && strcmp(list, "[]") == 0);
	qdb_free_string(list);
	CHECK(qdb_snapshot_close(snap) == 0);
	FAILS(QDB_ERR_CLOSED, qdb_scan_next(scan, buf, sizeof buf, &n, &count) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_snapshot_has(snap, S("gone")) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_snapshot_id(snap) == NULL);
	CHECK(qdb_snapshot_close(NULL) == 0);
	CHECK(has_value(db, "a", "new value"));
	CHECK((snap = qdb_snapshot_begin(db)) != NULL);
	CHECK(qdb_close_checked(db) == 0);
}

static void that_stay(const char *path)
{
	qdb_db *db;
	qdb_snapshot *snap;
	char *list, *id;
	uint8_t buf[16];
	size_t n;

	/* Set after the library was loaded: the environment counts as it is now. */
	setenv("P1_SNAP_PERSIST", "1", 1);
	CHECK((db = qdb_open(path)) != NULL && (snap = qdb_snapshot_begin(db)) != NULL);
	CHECK(qdb_put(db, S("a"), S("newer")) == 0);
	CHECK(qdb_close_checked(db) == 0);

	CHECK((db = qdb_open_with_config(path, "{\"snap_persist\": false}")) != NULL);
	CHECK((snap = qdb_snapshot_begin(db)) != NULL && qdb_snapshot_close(snap) == 0);
	CHECK((list = qdb_snapshots_json(db)) != NULL);
	id = only_id(list);
	qdb_free_string(list);
	CHECK((snap = qdb_snapshot_open(db, id)) != NULL);
	CHECK(qdb_snapshot_get_into(snap, S("a"), buf, sizeof buf, &n) == 0 && n == 9 && memcmp(buf, "new value", 9) == 0);
	CHECK(qdb_snapshot_close(snap) == 0);
	FAILS(QDB_ERR_NO_SNAPSHOT, qdb_snapshot_open(db, "no such") == NULL);
	FAILS(QDB_ERR_NO_SNAPSHOT, qdb_snapshot_remove(db, "no such") == -1);
	FAILS(QDB_ERR_INVALID, qdb_snapshot_open(db, NULL) == NULL);
	CHECK(qdb_snapshot_end(db, id) == 0);
	CHECK((list = qdb_snapshots_json(db)) != NULL && strstr(list, "\"ended\":true") != NULL);
	qdb_free_string(list);
	CHECK(qdb_snapshot_remove(db, id) == 0);
	CHECK((list = qdb_snapshots_json(db)) != NULL && strcmp(list, "[]") == 0);
	qdb_free_string(list);
	CHECK((list = qdb_snapstore_compact_json(db)) != NULL && strstr(list, "\"before_bytes\":") != NULL);
	qdb_free_string(list);
	CHECK(qdb_close_checked(db) == 0);
}

int main(int argc, char **argv)
{
	CHECK(argc == 2);
	of_the_moment(path_in(argv[1], "db"));
	that_stay(path_in(argv[1], "db"));
	return 0;
}
