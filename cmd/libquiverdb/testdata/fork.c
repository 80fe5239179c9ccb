#include <sys/wait.h>

#include "check.h"

/* Every function in a child that was forked after the library was loaded. An
 * alarm ends it if one of them hangs. */
static void in_child(const char *dir, qdb_db *db, qdb_snapshot *snap, qdb_scan *scan, uint8_t *value, char *text)
{
	uint8_t buf[8], *out;
	size_t n, m;
	uint64_t u;

	alarm(20);
	CHECK(qdb_last_error_code() == QDB_OK);
	FAILS(QDB_ERR_FORKED, qdb_put(db, S("a"), S("b")) == -1);
	FAILS(QDB_ERR_FORKED, qdb_init_db(path_in(dir, "other"), 4096, 16) == -1);
	FAILS(QDB_ERR_FORKED, qdb_open(path_in(dir, "db")) == NULL);
	FAILS(QDB_ERR_FORKED, qdb_open_ro(path_in(dir, "db")) == NULL);
	FAILS(QDB_ERR_FORKED, qdb_open_with_config(path_in(dir, "db"), "{}") == NULL);
	FAILS(QDB_ERR_FORKED, qdb_open_ro_with_config(path_in(dir, "db"), "{}") == NULL);
	FAILS(QDB_ERR_FORKED, qdb_get(db, S("a"), &out, &n) == -1 && out == NULL);
	FAILS(QDB_ERR_FORKED, qdb_get_into(db, S("a"), buf, 8, &n) == -1);
	FAILS(QDB_ERR_FORKED, qdb_has(db, S("a")) == -1);
	FAILS(QDB_ERR_FORKED, qdb_del(db, S("a")) == -1);
	FAILS(QDB_ERR_FORKED, qdb_delete(db, S("a")) == -1);
	FAILS(QDB_ERR_FORKED, qdb_delete_prefix(db, S("a"), &u) == -1);
	FAILS(QDB_ERR_FORKED, qdb_count(db, S("a"), &u) == -1);
	FAILS(QDB_ERR_FORKED, qdb_limits(db, &u, &u) == -1);
	FAILS(QDB_ERR_FORKED, qdb_write(db, NULL, 0, 0) == -1);
	FAILS(QDB_ERR_FORKED, qdb_sync(db) == -1);
	FAILS(QDB_ERR_FORKED, qdb_checkpoint(db) == -1);
	FAILS(QDB_ERR_FORKED, qdb_last_lsn(db, &u) == -1);
	FAILS(QDB_ERR_FORKED, qdb_scan_open(db, NULL, 0, 0) == NULL);
	FAILS(QDB_ERR_FORKED, qdb_scan_next(scan, buf, 8, &n, &m) == -1);
	FAILS(QDB_ERR_FORKED, qdb_scan_close(scan) == -1);
	FAILS(QDB_ERR_FORKED, qdb_snapshot_begin(db) == NULL);
	FAILS(QDB_ERR_FORKED, qdb_snapshot_open(db, "x") == NULL);
	FAILS(QDB_ERR_FORKED, qdb_snapshot_get(snap, S("a"), &out, &n) == -1);
	FAILS(QDB_ERR_FORKED, qdb_snapshot_get_into(snap, S("a"), buf, 8, &n) == -1);
	FAILS(QDB_ERR_FORKED, qdb_snapshot_has(snap, S("a")) == -1);
	FAILS(QDB_ERR_FORKED, qdb_snapshot_count(snap, S("a"), &u) == -1);
	FAILS(QDB_ERR_FORKED, qdb_snapshot_scan_open(snap, S("a"), 0) == NULL);
	FAILS(QDB_ERR_FORKED, qdb_snapshot_lsn(snap, &u) == -1);
	FAILS(QDB_ERR_FORKED, qdb_snapshot_id(snap) == NULL);
	FAILS(QDB_ERR_FORKED, qdb_snapshots_json(db) == NULL);
	FAILS(QDB_ERR_FORKED, qdb_snapshot_end(db, "x") == -1);
	FAILS(QDB_ERR_FORKED, qdb_snapshot_remove(db, "x") == -1);
	FAILS(QDB_ERR_FORKED, qdb_snapshot_close(snap) == -1);
	FAILS(QDB_ERR_FORKED, qdb_snapstore_compact_json(db) == NULL);
	FAILS(QDB_ERR_FORKED, qdb_backup(db, "x", -1, NULL, NULL, NULL) == -1);
	FAILS(QDB_ERR_FORKED, qdb_restore("x", "y", 0, NULL, NULL) == -1);
	FAILS(QDB_ERR_FORKED, qdb_check_json("x", 0, NULL, NULL) == NULL);
	FAILS(QDB_ERR_FORKED, qdb_repair_json("x", 0, NULL, NULL) == NULL);
	FAILS(QDB_ERR_FORKED, qdb_stats_json(db) == NULL);
	FAILS(QDB_ERR_FORKED, qdb_close_checked(db) == -1);
	qdb_close(db);
	CHECK(qdb_abi_version() == QDB_ABI_VERSION && *qdb_version() != 0);
	qdb_free_buf(value, 1);
	qdb_free_string(text);
	exit(0);
}

int main(int argc, char **argv)
{
	qdb_db *db;
	qdb_snapshot *snap;
	qdb_scan *scan;
	uint8_t *value;
	size_t n;
	char *text;
	int status;
	pid_t child;

	CHECK(argc == 2);
	db = new_db(path_in(argv[1], "db"));
	fill(db, 1000, 100);
	CHECK((snap = qdb_snapshot_begin(db)) != NULL && (scan = qdb_scan_open(db, NULL, 0, 0)) != NULL);
	CHECK(qdb_get(db, S("k000000"), &value, &n) == 0 && (text = qdb_snapshot_id(snap)) != NULL);
	CHECK((child = fork()) >= 0);
	if (child == 0)
		in_child(argv[1], db, snap, scan, value, text);
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);

	/* The parent goes on as if nothing had been, and its lock with it. */
	CHECK(qdb_last_error_code() == QDB_OK);
	CHECK(qdb_put(db, S("after"), S("fork")) == 0 && has_value(db, "after", "fork"));
	CHECK(qdb_scan_close(scan) == 0 && qdb_snapshot_close(snap) == 0);
	FAILS(QDB_ERR_LOCKED, qdb_open_with_config(path_in(argv[1], "db"), "{\"lock_wait_ms\": 0}") == NULL);
	CHECK(qdb_close_checked(db) == 0);
	qdb_free_buf(value, n);
	qdb_free_string(text);
	return 0;
}
