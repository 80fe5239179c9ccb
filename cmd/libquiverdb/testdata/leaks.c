/* Many calls, then as many again: memory must not grow from the one to the other. */

#include <malloc.h>
#include <pthread.h>

#include "check.h"

static long resident_kib(void)
{
	long pages = 0, ignored;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%ld %ld", &ignored, &pages) != 2)
		pages = 0;
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void *fail_once(void *arg)
{
	CHECK(qdb_sync(arg) == -1);
	return NULL;
}

static void rounds(qdb_db *db, const char *path, int n)
{
	uint8_t buf[4096], *out;
	size_t len, count;
	qdb_scan *scan;
	char key[16];

	for (int i = 0; i < n; i++) {
		snprintf(key, sizeof key, "k%06d", i % 2000);
		CHECK(qdb_get(db, S(key), &out, &len) == 0 && len == 1000);
		qdb_free_buf(out, len);
		CHECK(qdb_get_into(db, S(key), buf, sizeof buf, &len) == 0);
		if (i % 8 == 0) {
			CHECK(qdb_sync(NULL) == -1);
			qdb_free_string(qdb_last_error_dup());
			qdb_free_string(qdb_last_error_json());
			qdb_free_string(qdb_stats_json(db));
		}
		if (i % 256 == 0) {
			qdb_snapshot *snap = qdb_snapshot_begin(db);
			pthread_t t;

			CHECK(snap != NULL && (scan = qdb_snapshot_scan_open(snap, NULL, 0, 0)) != NULL);
			CHECK(qdb_scan_next(scan, buf, sizeof buf, &len, &count) == 0);
			CHECK(qdb_snapshot_close(snap) == 0);
			CHECK((scan = qdb_scan_open(db, NULL, 0, 0)) != NULL && qdb_scan_close(scan) == 0);
			CHECK(pthread_create(&t, NULL, fail_once, NULL) == 0 && pthread_join(t, NULL) == 0);
		}
		if (i % 1024 == 0) {
			qdb_db *other = qdb_open_ro(path);

			CHECK(other != NULL && qdb_scan_open(other, NULL, 0, 0) != NULL);
			qdb_close(other);
		}
	}
}

/* The error of a thread goes with it. */
static void errors_of_threads(int n)
{
	for (int i = 0; i < n; i++) {
		pthread_t t;

		CHECK(pthread_create(&t, NULL, fail_once, NULL) == 0 && pthread_join(t, NULL) == 0);
	}
}

static void count_threads(void)
{
	size_t before, after;

	errors_of_threads(200);
	before = mallinfo2().uordblks;
	errors_of_threads(1000);
	after = mallinfo2().uordblks;
	CHECK(after < before + 1000 * 20);
}

int main(int argc, char **argv)
{
	qdb_db *db;
	long before, after;
	int n = 30000;

	CHECK(argc == 2);
	/* mallinfo2 knows one arena: let there be no other. */
	CHECK(mallopt(M_ARENA_MAX, 1) == 1);
	count_threads();
	db = new_db(path_in(argv[1], "other"));
	fill(db, 200, 50);
	qdb_close(db);
	db = new_db(path_in(argv[1], "db"));
	fill(db, 2000, 1000);
	rounds(db, path_in(argv[1], "other"), n);
	before = resident_kib();
	rounds(db, path_in(argv[1], "other"), 5 * n);
	after = resident_kib();
	printf("%ld KiB after %d rounds, %ld KiB after %d\n", before, n, after, 6 * n);
	/* A leak of 100 bytes a round would be 15 MiB; the heap of Go breathes some. */
	CHECK(after - before < 10 * 1024);
	CHECK(qdb_close_checked(db) == 0);
	return 0;
}
