#include "check.h"

enum { PAIRS = 20000 };

struct seen {
	int pairs;
	size_t value_bytes;
	int in_order;
	char last[16];
	unsigned char found[PAIRS];
};

/* Reads a scan to its end through a buffer of cap bytes. */
static void read_all(qdb_scan *scan, size_t cap, struct seen *s)
{
	uint8_t *buf = malloc(cap);
	size_t used, count;
	int r;

	memset(s, 0, sizeof *s);
	s->in_order = 1;
	CHECK(scan != NULL);
	while ((r = qdb_scan_next(scan, buf, cap, &used, &count)) == 0) {
		const uint8_t *p = buf;

		CHECK(count > 0 && used <= cap);
		for (size_t i = 0; i < count; i++) {
			uint32_t kn = get_u32(p), vn = get_u32(p + 4);
			char key[16] = "";
			int n;

			CHECK(kn == 7);
			memcpy(key, p + 8, kn);
			CHECK(sscanf(key, "k%06d", &n) == 1 && n >= 0 && n < PAIRS);
			CHECK(!s->found[n]);
			s->found[n] = 1;
			for (uint32_t j = 0; j < vn; j++)
				CHECK(p[8 + kn + j] == 'a' + n % 26);
			s->in_order = s->in_order && strcmp(s->last, key) < 0;
			memcpy(s->last, key, sizeof key);
			s->pairs++;
			s->value_bytes += vn;
			p += 8 + kn + vn;
		}
		CHECK(p == buf + used);
	}
	CHECK(r == 1 && used == 0 && count == 0);
	CHECK(qdb_scan_next(scan, buf, cap, &used, &count) == 1);
	CHECK(qdb_scan_close(scan) == 0);
	FAILS(QDB_ERR_CLOSED, qdb_scan_next(scan, buf, cap, &used, &count) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_scan_close(scan) == -1);
	free(buf);
}

static void everything(qdb_db *db)
{
	static struct seen s;

	read_all(qdb_scan_open(db, NULL, 0, 0), 256 << 10, &s);
	CHECK(s.pairs == PAIRS && s.value_bytes == 20 * PAIRS);
	read_all(qdb_scan_open(db, NULL, 0, QDB_SCAN_SORTED), 100, &s);
	CHECK(s.pairs == PAIRS && s.in_order);
	read_all(qdb_scan_open(db, NULL, 0, QDB_SCAN_KEYS_ONLY), 4096, &s);
	CHECK(s.pairs == PAIRS && s.value_bytes == 0);
	read_all(qdb_scan_open(db, S("k0012"), QDB_SCAN_SORTED | QDB_SCAN_KEYS_ONLY), 4096, &s);
	CHECK(s.pairs == 100 && s.in_order);
	read_all(qdb_scan_open(db, S("no such"), 0), 4096, &s);
	CHECK(s.pairs == 0);
	FAILS(QDB_ERR_INVALID, qdb_scan_open(db, NULL, 0, 4) == NULL);
	FAILS(QDB_ERR_INVALID, qdb_scan_open(db, NULL, 3, 0) == NULL);
}

/* A scan shows the moment of its beginning, however late it is read. */
static void one_moment(qdb_db *db)
{
	static struct seen s;
	qdb_scan *scan = qdb_scan_open(db, NULL, 0, 0);
	uint64_t n;

	CHECK(qdb_delete_prefix(db, S("k0"), &n) == 0 && n == PAIRS);
	CHECK(qdb_put(db, S("other"), S("1")) == 0);
	read_all(scan, 1000, &s);
	CHECK(s.pairs == PAIRS);
	CHECK(qdb_delete(db, S("other")) == 0);
	fill(db, PAIRS, 20);
}

/* The caller may do with its prefix what it likes once the scan is open. */
static void prefix_is_copied(qdb_db *db)
{
	static struct seen s;
	char prefix[] = "k0";
	qdb_scan *scan = qdb_scan_open(db, S(prefix), 0);

	memset(prefix, 'x', 2);
	read_all(scan, 1000, &s);
	CHECK(s.pairs == PAIRS);
}

static void too_small(qdb_db *db)
{
	uint8_t *big = malloc(1000000), buf[64];
	size_t used, count;
	qdb_scan *scan;

	memset(big, 'z', 1000000);
	CHECK(qdb_put(db, S("wide"), big, 900000) == 0);
	CHECK((scan = qdb_scan_open(db, S("wide"), 0)) != NULL);
	CHECK(qdb_scan_next(scan, buf, sizeof buf, &used, &count) == 2 && used == 8 + 4 + 900000 && count == 0);
	CHECK(qdb_scan_next(scan, NULL, 0, &used, &count) == 2 && used == 8 + 4 + 900000);
	FAILS(QDB_ERR_INVALID, qdb_scan_next(scan, NULL, 10, &used, &count) == -1);
	FAILS(QDB_ERR_INVALID, qdb_scan_next(scan, buf, sizeof buf, NULL, &count) == -1);
	CHECK(qdb_scan_next(scan, big, used, &used, &count) == 0 && count == 1 && used == 8 + 4 + 900000);
	CHECK(get_u32(big + 4) == 900000 && big[used - 1] == 'z');
	CHECK(qdb_scan_next(scan, buf, sizeof buf, &used, &count) == 1);
	CHECK(qdb_scan_close(scan) == 0);
	CHECK(qdb_delete(db, S("wide")) == 0);
	free(big);
}

/* Scans that are forgotten or given up in the middle cost nothing that stays. */
static void given_up(qdb_db *db)
{
	uint8_t buf[512];
	size_t used, count;
	qdb_scan *scan = NULL;

	for (int i = 0; i < 200; i++) {
		CHECK((scan = qdb_scan_open(db, NULL, 0, 0)) != NULL);
		CHECK(qdb_scan_next(scan, buf, sizeof buf, &used, &count) == 0);
		if (i % 2)
			CHECK(qdb_scan_close(scan) == 0);
	}
	CHECK((scan = qdb_scan_open(db, NULL, 0, 0)) != NULL);
	CHECK(qdb_close_checked(db) == 0);
	FAILS(QDB_ERR_CLOSED, qdb_scan_next(scan, buf, sizeof buf, &used, &count) == -1);
	FAILS(QDB_ERR_CLOSED, qdb_scan_close(scan) == -1);
	CHECK(qdb_scan_close(NULL) == 0);
}

int main(int argc, char **argv)
{
	qdb_db *db;

	CHECK(argc == 2);
	db = new_db(path_in(argv[1], "db"));
	fill(db, PAIRS, 20);
	everything(db);
	one_moment(db);
	prefix_is_copied(db);
	too_small(db);
	given_up(db);

	/* A program may end with everything open. */
	CHECK((db = qdb_open(path_in(argv[1], "db"))) != NULL && qdb_scan_open(db, NULL, 0, 0) != NULL);
	CHECK(qdb_snapshot_begin(db) != NULL && qdb_put(db, S("last"), S("word")) == 0);
	return 0;
}
