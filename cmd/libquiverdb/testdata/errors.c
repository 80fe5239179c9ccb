#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "check.h"

static void nothing_yet(void)
{
	CHECK(qdb_last_error_code() == QDB_OK && qdb_last_error_dup() == NULL && qdb_last_error_json() == NULL);
	CHECK(qdb_abi_version() == QDB_ABI_VERSION && *qdb_version() != 0);
	CHECK(strcmp(qdb_error_name(QDB_OK), "ok") == 0 && strcmp(qdb_error_name(-1), "unknown") == 0);
	CHECK(strcmp(qdb_error_name(9999), "unknown") == 0);
	for (int32_t c = 0; c <= QDB_ERR_NO_MEMORY; c++)
		CHECK(qdb_error_name(c) != NULL && strcmp(qdb_error_name(c), "unknown") != 0);
	qdb_free_string(NULL);
	qdb_free_buf(NULL, 0);
}

static void opening(const char *dir)
{
	const char *path = path_in(dir, "db");
	qdb_db *db, *other;
	time_t before;
	char *text;

	FAILS(QDB_ERR_NO_DATABASE, qdb_open(path) == NULL);
	FAILS(QDB_ERR_NO_DATABASE, qdb_open_ro(path) == NULL);
	FAILS(QDB_ERR_NO_DATABASE, qdb_check_json(path, 0, NULL, NULL) == NULL);
	FAILS(QDB_ERR_INVALID, qdb_init_db(path, 4000, 16) == -1 && said("4000"));
	FAILS(QDB_ERR_INVALID, qdb_init_db(path, 4096, 1u << 25) == -1);
	FAILS(QDB_ERR_INVALID, qdb_init_db(NULL, 4096, 16) == -1);
	FAILS(QDB_ERR_INVALID, qdb_init_db("", 4096, 16) == -1);
	FAILS(QDB_ERR_INVALID, qdb_open(NULL) == NULL);
	CHECK(qdb_init_db(path, 0, 0) == 0 && qdb_init_db(path, 4096, 16) == 0);

	CHECK((db = qdb_open(path)) != NULL);
	before = time(NULL);
	CHECK(qdb_init_db(path, 4096, 16) == 0 && qdb_init_db(path, 5000, 1u << 25) == 0);
	CHECK(time(NULL) - before < 4);
	FAILS(QDB_ERR_LOCKED, (other = qdb_open_with_config(path, "{\"lock_wait_ms\": 0}")) == NULL);
	CHECK(said("\"holder\"") && said("LOCK"));
	CHECK(qdb_close_checked(db) == 0);
	CHECK((text = qdb_check_json(path, QDB_CHECK_STRICT, NULL, NULL)) != NULL);
	CHECK(strstr(text, "\"findings\":[]") != NULL);
	qdb_free_string(text);
	FAILS(QDB_ERR_INVALID, qdb_check_json(path, 6, NULL, NULL) == NULL);
	FAILS(QDB_ERR_INVALID, qdb_check_json(NULL, 0, NULL, NULL) == NULL);
}

static void configurations(const char *dir)
{
	static const struct {
		const char *json, *named;
	} wrong[] = {
		{"", "JSON"},
		{"[]", "JSON"},
		{"7", "JSON"},
		{"{\"data_fsync\": true", "JSON"},
		{"{} {}", "follows"},
		{"null", "JSON"},
		{"{\"salvage\": true, \"salvage\": false}", "twice"},
		{"{\"snapstore_dir\": \"a\\udc80\"}", "snapstore_dir"},
		{"{\"Data_Fsync\": true}", "Data_Fsync"},
		{"{\"snapshots\": true}", "snapshots"},
		{"{\"data_fsync\": 1}", "data_fsync"},
		{"{\"data_fsync\": \"yes\"}", "data_fsync"},
		{"{\"page_cache_pages\": -1}", "page_cache_pages"},
		{"{\"page_cache_pages\": 1.5}", "page_cache_pages"},
		{"{\"page_cache_pages\": true}", "page_cache_pages"},
		{"{\"wal_coalesce_ms\": \"3\"}", "wal_coalesce_ms"},
		{"{\"wal_coalesce_ms\": 99999999999999999999}", "wal_coalesce_ms"},
		{"{\"ovf_threshold_bytes\": []}", "ovf_threshold_bytes"},
		{"{\"snap_persist\": \"\"}", "snap_persist"},
		{"{\"snap_dedup\": 0}", "snap_dedup"},
		{"{\"snapstore_dir\": 5}", "snapstore_dir"},
	};
	const char *path = path_in(dir, "db");
	qdb_db *db;

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		FAILS(QDB_ERR_INVALID, qdb_open_with_config(path, wrong[i].json) == NULL && said(wrong[i].named));
		FAILS(QDB_ERR_INVALID, qdb_open_ro_with_config(path, wrong[i].json) == NULL && said(wrong[i].named));
	}
	CHECK((db = qdb_open_with_config(path, " {\"data_fsync\": null, \"page_cache_pages\": 0} \n")) != NULL);
	qdb_close(db);
	CHECK((db = qdb_open_with_config(path, NULL)) != NULL);
	qdb_close(db);

	/* The environment of the process as it is now, not as it was at its start. */
	setenv("P1_PAGE_CACHE_PAGES", "many", 1);
	FAILS(QDB_ERR_INVALID, qdb_open(path) == NULL && said("P1_PAGE_CACHE_PAGES"));
	unsetenv("P1_PAGE_CACHE_PAGES");
	CHECK((db = qdb_open(path)) != NULL);
	qdb_close(db);
}

static void stale_handles(const char *dir)
{
	qdb_db *db = new_db(path_in(dir, "stale")), *never = (qdb_db *)(uintptr_t)0x7fff1234u;
	qdb_snapshot *snap = qdb_snapshot_begin(db);
	qdb_scan *scan = qdb_scan_open(db, NULL, 0, 0);
	uint8_t buf[8];
	size_t n, m;
	uint64_t u;

	CHECK(snap != NULL && scan != NULL);
	FAILS(QDB_ERR_INVALID, qdb_put(NULL, S("a"), S("b")) == -1);
	FAILS(QDB_ERR_INVALID, qdb_put(never, S("a"), S("b")) == -1);
	FAILS(QDB_ERR_INVALID, qdb_close_checked(never) == -1);
	FAILS(QDB_ERR_INVALID, qdb_put((qdb_db *)snap, S("a"), S("b")) == -1);
	FAILS(QDB_ERR_INVALID, qdb_has((qdb_db *)snap, S("a")) == -1);
	FAILS(QDB_ERR_INVALID, qdb_snapshot_has((qdb_snapshot *)db, S("a")) == -1);
	FAILS(QDB_ERR_INVALID, qdb_close_checked((qdb_db *)scan) == -1);
	FAILS(QDB_ERR_INVALID, qdb_snapshot_close((qdb_snapshot *)db) == -1);
	FAILS(QDB_ERR_INVALID, qdb_scan_next((qdb_scan *)db, buf, 8, &n, &m) == -1);
	CHECK(qdb_close_checked(db) == 0);
	FAILS(QDB_ERR_CLOSED, qdb_close_checked(db) == -1);
	qdb_close(db);
	FAILS(QDB_ERR_CLOSED, qdb_put(db, S("a"), S("b")) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_get_into(db, S("a"), buf, 8, &n) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_has(db, S("a")) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_del(db, S("a")) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_delete(db, S("a")) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_delete_prefix(db, S("a"), &u) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_count(db, S("a"), &u) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_limits(db, &u, &u) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_write(db, NULL, 0, 0) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_sync(db) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_checkpoint(db) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_last_lsn(db, &u) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_scan_open(db, NULL, 0, 0) == NULL);
	FAILS(QDB_ERR_CLOSED, qdb_snapshot_begin(db) == NULL);
	FAILS(QDB_ERR_CLOSED, qdb_snapshot_open(db, "x") == NULL);
	FAILS(QDB_ERR_CLOSED, qdb_snapshots_json(db) == NULL);
	FAILS(QDB_ERR_CLOSED, qdb_snapshot_end(db, "x") == -1);
	FAILS(QDB_ERR_CLOSED, qdb_snapshot_remove(db, "x") == -1);
	FAILS(QDB_ERR_CLOSED, qdb_snapstore_compact_json(db) == NULL);
	FAILS(QDB_ERR_CLOSED, qdb_stats_json(db) == NULL);
	FAILS(QDB_ERR_CLOSED, qdb_backup(db, "x", -1, NULL, NULL, NULL) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_snapshot_has(snap, S("a")) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_snapshot_close(snap) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_scan_next(scan, buf, 8, &n, &m) == -1);

	/* Success leaves the error; the next failure takes its place. */
	db = new_db(path_in(dir, "stale"));
	CHECK(qdb_last_error_code() == QDB_ERR_CLOSED);
	FAILS(QDB_ERR_INVALID, qdb_put(db, NULL, 1, S("b")) == -1 && said("key"));
	FAILS(QDB_ERR_INVALID, qdb_put(db, S("a"), NULL, 1) == -1 && said("value"));
	FAILS(QDB_ERR_INVALID, qdb_get_into(db, S("a"), NULL, 1, &n) == -1);
	FAILS(QDB_ERR_INVALID, qdb_get_into(db, S("a"), buf, 8, NULL) == -1);
	FAILS(QDB_ERR_INVALID, qdb_get(db, S("a"), NULL, &n) == -1);
	FAILS(QDB_ERR_INVALID, qdb_last_lsn(db, NULL) == -1);
	FAILS(QDB_ERR_INVALID, qdb_count(db, NULL, 0, NULL) == -1);
	qdb_close(db);
}

static void read_only(const char *dir)
{
	qdb_db *db = new_db(path_in(dir, "ro"));
	uint8_t op[16], *end = pack(op, QDB_OP_PUT, "a", 1, "", 0);

	CHECK(qdb_put(db, S("a"), S("b")) == 0);
	qdb_close(db);
	CHECK((db = qdb_open_ro(path_in(dir, "ro"))) != NULL && has_value(db, "a", "b"));
	FAILS(QDB_ERR_READ_ONLY, qdb_put(db, S("a"), S("c")) == 1);
	FAILS(QDB_ERR_READ_ONLY, qdb_del(db, S("a")) == 1);
	FAILS(QDB_ERR_READ_ONLY, qdb_delete(db, S("a")) == -1);
	FAILS(QDB_ERR_READ_ONLY, qdb_delete_prefix(db, S("a"), NULL) == -1);
	FAILS(QDB_ERR_READ_ONLY, qdb_write(db, op, (size_t)(end - op), 0) == -1);
	CHECK(has_value(db, "a", "b"));
	CHECK(qdb_close_checked(db) == 0);
}

/* One changed byte in the only page of pairs. */
static void damage(const char *dir)
{
	qdb_db *db = new_db(path_in(dir, "bad"));
	const char *path = path_in(dir, "bad");
	char segment[4200], *text;
	FILE *f;
	long at = 200;

	CHECK(qdb_put(db, S("a"), S("b")) == 0);
	qdb_close(db);
	snprintf(segment, sizeof segment, "%s/data-000001.p1seg", path);
	CHECK((f = fopen(segment, "r+b")) != NULL);
	CHECK(fseek(f, at, SEEK_SET) == 0 && fputc('!', f) == '!' && fclose(f) == 0);
	CHECK((db = qdb_open(path)) != NULL);
	FAILS(QDB_ERR_CORRUPT, qdb_has(db, S("a")) == -1);
	CHECK(said("\"page\":0") && said("\"offset\"") && said("\"reason\"") && said("\"path\""));
	qdb_close(db);
	CHECK((text = qdb_check_json(path, 0, NULL, NULL)) != NULL && strstr(text, "\"severity\":\"error\"") != NULL);
	qdb_free_string(text);
}

static void the_system(const char *dir)
{
	const char *path = path_in(dir, "file");
	FILE *f = fopen(path, "w");

	CHECK(f != NULL && fclose(f) == 0);
	CHECK(qdb_init_db(path_in(dir, "file/db"), 4096, 16) == -1 && said("\"errno\":20"));
	if (geteuid() != 0) {
		CHECK(mkdir(path_in(dir, "closed"), 0500) == 0);
		FAILS(QDB_ERR_PERMISSION, qdb_init_db(path_in(dir, "closed/db"), 4096, 16) == -1);
	}
}

/* The system refuses a write of the log. Comes last: the limit stays. */
static void refused_writes(const char *dir)
{
	static const uint8_t value[3000];
	struct rlimit most = {100000, 100000};
	qdb_db *db = new_db(path_in(dir, "refused"));
	uint8_t buf[8];
	size_t n;
	int done = 0, r;
	char key[16];

	signal(SIGXFSZ, SIG_IGN);
	CHECK(setrlimit(RLIMIT_FSIZE, &most) == 0);
	do {
		snprintf(key, sizeof key, "k%d", done);
		r = qdb_put(db, S(key), value, sizeof value);
	} while (r == 0 && ++done < 1000);
	FAILS(QDB_ERR_POISONED, r == -1);
	CHECK(done > 0 && said("\"errno\":27"));
	FAILS(QDB_ERR_POISONED, qdb_put(db, S("a"), S("b")) == -1);
	FAILS(QDB_ERR_POISONED, qdb_delete(db, S("k0")) == -1);
	FAILS(QDB_ERR_POISONED, qdb_sync(db) == -1);
	CHECK(qdb_has(db, S("k0")) == 1 && qdb_get_into(db, S("k0"), buf, 8, &n) == 2 && n == sizeof value);
	FAILS(QDB_ERR_POISONED, qdb_close_checked(db) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_close_checked(db) == -1);
}

int main(int argc, char **argv)
{
	CHECK(argc == 2);
	nothing_yet();
	opening(argv[1]);
	configurations(argv[1]);
	stale_handles(argv[1]);
	read_only(argv[1]);
	damage(argv[1]);
	the_system(argv[1]);
	refused_writes(argv[1]);
	return 0;
}
