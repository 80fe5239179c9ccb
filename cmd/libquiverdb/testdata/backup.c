#include <pthread.h>

#include "check.h"

enum { PAIRS = 4000 };

struct watch {
	int calls, cancel_at;
	uint64_t done, total;
	pthread_t thread;
};

static int watch(void *arg, uint64_t done, uint64_t total)
{
	struct watch *w = arg;

	CHECK(pthread_equal(w->thread, pthread_self()));
	CHECK(total == 0 || done <= total);
	w->calls++;
	w->done = done;
	w->total = total;
	return w->calls == w->cancel_at;
}

static struct watch new_watch(int cancel_at)
{
	struct watch w = {0, cancel_at, 0, 0, pthread_self()};

	return w;
}

static uint64_t pairs_of(const char *path)
{
	qdb_db *db = qdb_open_ro(path);
	uint64_t n;

	CHECK(db != NULL && qdb_count(db, NULL, 0, &n) == 0 && qdb_close_checked(db) == 0);
	return n;
}

static void there_and_back(const char *dir, qdb_db *db)
{
	struct watch w = new_watch(0);
	uint64_t first = 0, second = 0;
	qdb_db *restored;

	CHECK(qdb_backup(db, path_in(dir, "full"), -1, watch, &w, &first) == 0);
	CHECK(w.calls > 0 && first > 0);
	CHECK(qdb_put(db, S("later"), S("1")) == 0);
	CHECK(qdb_backup(db, path_in(dir, "more"), (int64_t)first, NULL, NULL, &second) == 0 && second > first);
	CHECK(qdb_backup(db, path_in(dir, "again"), -1, NULL, NULL, NULL) == 0);

	w = new_watch(0);
	CHECK(qdb_restore(path_in(dir, "copy"), path_in(dir, "full"), QDB_RESTORE_VERIFY, watch, &w) == 0);
	CHECK(w.calls > 0 && pairs_of(path_in(dir, "copy")) == PAIRS);
	CHECK(qdb_restore(path_in(dir, "copy"), path_in(dir, "more"), 0, NULL, NULL) == 0);
	CHECK((restored = qdb_open(path_in(dir, "copy"))) != NULL);
	CHECK(has_value(restored, "later", "1") && qdb_close_checked(restored) == 0);
	CHECK(pairs_of(path_in(dir, "copy")) == PAIRS + 1);

	FAILS(QDB_ERR_EXISTS, qdb_backup(db, path_in(dir, "full"), -1, NULL, NULL, NULL) == -1);
	FAILS(QDB_ERR_EXISTS, qdb_restore(path_in(dir, "copy"), path_in(dir, "full"), 0, NULL, NULL) == -1);
	FAILS(QDB_ERR_INCOMPATIBLE, qdb_restore(path_in(dir, "copy"), path_in(dir, "more"), 0, NULL, NULL) == -1);
	FAILS(QDB_ERR_INCOMPLETE, qdb_restore(path_in(dir, "fresh"), path_in(dir, "none"), 0, NULL, NULL) == -1);
	FAILS(QDB_ERR_INVALID, qdb_restore(path_in(dir, "fresh"), path_in(dir, "full"), 2, NULL, NULL) == -1);
	FAILS(QDB_ERR_INVALID, qdb_restore(NULL, path_in(dir, "full"), 0, NULL, NULL) == -1);
	FAILS(QDB_ERR_INVALID, qdb_backup(db, NULL, -1, NULL, NULL, NULL) == -1);
	FAILS(QDB_ERR_INVALID, qdb_backup(db, path_in(dir, "x"), -2, NULL, NULL, NULL) == -1);
	FAILS(QDB_ERR_INVALID, qdb_backup(db, path_in(dir, "x"), INT64_MAX, NULL, NULL, NULL) == -1);
}

static void given_up(const char *dir, qdb_db *db)
{
	struct watch w = new_watch(1);

	FAILS(QDB_ERR_CANCELED, qdb_backup(db, path_in(dir, "half"), -1, watch, &w, NULL) == -1);
	CHECK(w.calls == 1);
	FAILS(QDB_ERR_INCOMPLETE, qdb_restore(path_in(dir, "fromhalf"), path_in(dir, "half"), 0, NULL, NULL) == -1);
	CHECK(qdb_backup(db, path_in(dir, "half"), -1, NULL, NULL, NULL) == 0);

	w = new_watch(1);
	FAILS(QDB_ERR_CANCELED, qdb_restore(path_in(dir, "part"), path_in(dir, "half"), 0, watch, &w) == -1);
	CHECK(w.calls == 1);
	FAILS(QDB_ERR_INCOMPLETE, qdb_open(path_in(dir, "part")) == NULL);
	CHECK(qdb_restore(path_in(dir, "part"), path_in(dir, "half"), 0, NULL, NULL) == 0);
	CHECK(pairs_of(path_in(dir, "part")) == PAIRS + 1);

	w = new_watch(1);
	FAILS(QDB_ERR_CANCELED, qdb_check_json(path_in(dir, "part"), 0, watch, &w) == NULL);
	w = new_watch(0);
	{
		char *report = qdb_check_json(path_in(dir, "part"), 0, watch, &w);

		CHECK(report != NULL && w.calls > 0);
		qdb_free_string(report);
	}
}

/* Cancelled at any of its calls, a restore has failed and can be run again, or it
 * is done and says so. */
static void given_up_anywhere(const char *dir)
{
	char name[32];
	struct watch w;
	int r = -1;

	for (int at = 1; r != 0; at++) {
		w = new_watch(at);
		snprintf(name, sizeof name, "until%d", at);
		r = qdb_restore(path_in(dir, name), path_in(dir, "half"), 0, watch, &w);
		CHECK(w.calls == at || r == 0);
		if (r != 0) {
			CHECK(qdb_last_error_code() == QDB_ERR_CANCELED);
			FAILS(QDB_ERR_INCOMPLETE, qdb_open(path_in(dir, name)) == NULL);
		}
	}
	CHECK(pairs_of(path_in(dir, name)) == PAIRS + 1);
}

static void repaired(const char *dir)
{
	struct watch w = new_watch(0);
	qdb_db *db = new_db(path_in(dir, "leaky"));
	qdb_snapshot *snap;
	uint64_t n;
	char *text, *id;

	fill(db, 50, 100);
	qdb_close(db);
	/* A persisted snapshot holds pages that are freed after it; when it ends in a
	 * later session, nothing leads to them. */
	CHECK((db = qdb_open_with_config(path_in(dir, "leaky"), "{\"snap_persist\": true}")) != NULL);
	fill(db, 500, 3000);
	CHECK((snap = qdb_snapshot_begin(db)) != NULL && (id = qdb_snapshot_id(snap)) != NULL);
	CHECK(qdb_delete_prefix(db, NULL, 0, &n) == 0 && n == 500);
	qdb_close(db);
	CHECK((db = qdb_open(path_in(dir, "leaky"))) != NULL && qdb_snapshot_remove(db, id) == 0);
	qdb_free_string(id);
	qdb_close(db);
	CHECK((text = qdb_check_json(path_in(dir, "leaky"), QDB_CHECK_STRICT, NULL, NULL)) != NULL);
	CHECK(strstr(text, "\"findings\":[]") == NULL);
	qdb_free_string(text);
	CHECK((text = qdb_repair_json(path_in(dir, "leaky"), 0, watch, &w)) != NULL && w.calls > 0);
	CHECK(strstr(text, "\"freed_pages\":") != NULL && strstr(text, "\"freed_pages\":0") == NULL);
	qdb_free_string(text);
	CHECK((text = qdb_check_json(path_in(dir, "leaky"), QDB_CHECK_STRICT, NULL, NULL)) != NULL);
	CHECK(strstr(text, "\"findings\":[]") != NULL);
	qdb_free_string(text);

	w = new_watch(1);
	FAILS(QDB_ERR_CANCELED, qdb_repair_json(path_in(dir, "leaky"), 0, watch, &w) == NULL);
	FAILS(QDB_ERR_NO_DATABASE, qdb_repair_json(path_in(dir, "nowhere"), 0, NULL, NULL) == NULL);
	FAILS(QDB_ERR_INVALID, qdb_repair_json(NULL, 0, NULL, NULL) == NULL);
	FAILS(QDB_ERR_INVALID, qdb_repair_json(path_in(dir, "leaky"), 6, NULL, NULL) == NULL);
}

/* Closing the database in the middle of its own backup. */
static int close_it(void *arg, uint64_t done, uint64_t total)
{
	(void)done;
	(void)total;
	CHECK(qdb_close_checked(arg) == 0);
	return 0;
}

int main(int argc, char **argv)
{
	qdb_db *db;

	CHECK(argc == 2);
	db = new_db(path_in(argv[1], "db"));
	fill(db, PAIRS, 1000);
	there_and_back(argv[1], db);
	given_up(argv[1], db);
	given_up_anywhere(argv[1]);
	repaired(argv[1]);
	CHECK(qdb_backup(db, path_in(argv[1], "closed"), -1, close_it, db, NULL) == -1);
	CHECK(qdb_last_error_code() == QDB_ERR_CANCELED || qdb_last_error_code() == QDB_ERR_CLOSED);
	CHECK(pairs_of(path_in(argv[1], "db")) == PAIRS + 1);
	return 0;
}
