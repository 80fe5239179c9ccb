#include <pthread.h>
#include <stdatomic.h>

#include "check.h"

enum { THREADS = 8, ROUNDS = 40 };

static qdb_db *db;

static void *work(void *arg)
{
	int me = (int)(intptr_t)arg;
	char key[32], value[32];

	CHECK(qdb_last_error_code() == QDB_OK);
	for (int i = 0; i < ROUNDS; i++) {
		uint8_t buf[4096];
		size_t n, count;
		qdb_scan *scan;

		snprintf(key, sizeof key, "t%d/%d", me, i);
		snprintf(value, sizeof value, "%d", i);
		CHECK(qdb_put(db, S(key), S(value)) == 0 && has_value(db, key, value));
		CHECK((scan = qdb_scan_open(db, S(key), 0)) != NULL);
		CHECK(qdb_scan_next(scan, buf, sizeof buf, &n, &count) == 0 && count >= 1);
		CHECK(qdb_scan_close(scan) == 0);
	}
	/* Each thread has its own error; that of the others is not seen. */
	FAILS(QDB_ERR_INVALID, qdb_put(db, NULL, (size_t)me + 1, NULL, 0) == -1);
	CHECK(qdb_close_checked((qdb_db *)(uintptr_t)(1000000 + me)) == -1);
	snprintf(value, sizeof value, "%#x", 1000000 + me);
	usleep(1000);
	CHECK(said(value));
	return NULL;
}

static void together(void)
{
	pthread_t t[THREADS];
	uint64_t n;

	for (intptr_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, work, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK(qdb_last_error_code() == QDB_OK);
	CHECK(qdb_count(db, S("t"), &n) == 0 && n == THREADS * ROUNDS);
}

static atomic_int under_way;

/* Goes on until the handle is closed under it. */
static void *until_closed(void *arg)
{
	uint8_t buf[4096];
	size_t n, count;
	int r = 0;

	(void)arg;
	for (long i = 0; r >= 0; i++) {
		if (i == 3)
			under_way++;
		if (i % 8 == 0)
			r = qdb_put(db, S("shared"), S("1"));
		else if (i % 8 == 4) {
			qdb_scan *scan = qdb_scan_open(db, NULL, 0, 0);

			r = scan == NULL ? -1 : qdb_scan_next(scan, buf, sizeof buf, &n, &count);
			if (scan != NULL)
				qdb_scan_close(scan);
		} else
			r = qdb_get_into(db, S("shared"), buf, sizeof buf, &n);
	}
	CHECK(qdb_last_error_code() == QDB_ERR_CLOSED);
	return NULL;
}

static void close_under_others(const char *path)
{
	pthread_t t[THREADS];

	for (int round = 0; round < 10; round++) {
		CHECK((db = qdb_open(path)) != NULL);
		under_way = 0;
		for (int i = 0; i < THREADS; i++)
			CHECK(pthread_create(&t[i], NULL, until_closed, NULL) == 0);
		while (under_way < THREADS)
			usleep(100);
		CHECK(qdb_close_checked(db) == 0);
		for (int i = 0; i < THREADS; i++)
			CHECK(pthread_join(t[i], NULL) == 0);
	}
	CHECK((db = qdb_open(path)) != NULL && has_value(db, "shared", "1") && qdb_close_checked(db) == 0);
}

enum { PAIRS = 10000 };

static qdb_snapshot *snap;
static atomic_int ended;

static void *count_until_closed(void *arg)
{
	uint64_t n;

	(void)arg;
	under_way++;
	while (qdb_snapshot_count(snap, NULL, 0, &n) == 0)
		CHECK(n == PAIRS);
	CHECK(qdb_last_error_code() == QDB_ERR_CLOSED);
	ended++;
	return NULL;
}

/* Pages that a snapshot had are overwritten as soon as it is closed. Who is
 * reading it then is told that it was closed, and not that it has lost pages. */
static void close_snapshots_under_others(const char *path)
{
	pthread_t t[THREADS];
	uint8_t op[64], *end;
	char key[16];

	db = new_db(path);
	fill(db, PAIRS, 500);
	for (int round = 0; round < 8; round++) {
		CHECK((snap = qdb_snapshot_begin(db)) != NULL);
		under_way = ended = 0;
		for (int i = 0; i < THREADS; i++)
			CHECK(pthread_create(&t[i], NULL, count_until_closed, NULL) == 0);
		while (under_way < THREADS)
			usleep(100);
		CHECK(qdb_snapshot_close(snap) == 0);
		for (int i = 0; ended < THREADS; i++) {
			snprintf(key, sizeof key, "k%06d", i * 37 % PAIRS);
			end = pack(op, QDB_OP_PUT, key, 7, "new", 3);
			CHECK(qdb_write(db, op, (size_t)(end - op), i % 64 == 63 ? 0 : QDB_WRITE_NO_SYNC) == 0);
		}
		for (int i = 0; i < THREADS; i++)
			CHECK(pthread_join(t[i], NULL) == 0);
	}
	CHECK(qdb_close_checked(db) == 0);
}

static qdb_scan *handed_on;

static void *read_some(void *arg)
{
	uint8_t buf[100];
	size_t n, count;

	CHECK(qdb_scan_next(handed_on, buf, sizeof buf, &n, &count) == 0);
	*(size_t *)arg += count;
	return NULL;
}

/* A scan goes from thread to thread, which end one after the other. */
static void scan_on_many_threads(const char *path)
{
	size_t total = 0, used, count;
	uint8_t *buf = malloc(1 << 20);
	pthread_t t;
	int r;

	CHECK((db = qdb_open(path)) != NULL && (handed_on = qdb_scan_open(db, S("t"), 0)) != NULL);
	for (int i = 0; i < 20; i++)
		CHECK(pthread_create(&t, NULL, read_some, &total) == 0 && pthread_join(t, NULL) == 0);
	while ((r = qdb_scan_next(handed_on, buf, 1 << 20, &used, &count)) == 0)
		total += count;
	CHECK(r == 1 && total == THREADS * ROUNDS);
	CHECK(qdb_close_checked(db) == 0);
	free(buf);
}

int main(int argc, char **argv)
{
	const char *path;

	CHECK(argc == 2);
	path = path_in(argv[1], "db");
	db = new_db(path);
	together();
	CHECK(qdb_close_checked(db) == 0);
	close_under_others(path);
	close_snapshots_under_others(path_in(argv[1], "snapshots"));
	scan_on_many_threads(path);
	return 0;
}
