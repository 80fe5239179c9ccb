//go:build cgo

/* The functions of the header that enter Go. Of the threads of a process only
 * the one that forks is in the child, so that Go's scheduler and collector are
 * gone there and a call would hang. Hence every one asks first, in C. */

#include <pthread.h>
#include <string.h>

#include "_cgo_export.h"

/* Written once, by the only thread of a child, before it can call anything. */
static volatile int forked;

static void in_child(void)
{
	forked = 1;
}

__attribute__((constructor)) static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, in_child);
}

static int refused(void)
{
	if (!forked)
		return 0;
	qdb_internal_fail(QDB_ERR_FORKED,
		strdup("this process was forked after the library was loaded: execute a new program, or load the library after the fork"),
		strdup("{\"code\":21,\"kind\":\"forked\",\"message\":\"this process was forked after the library was loaded: "
		       "execute a new program, or load the library after the fork\"}"));
	return 1;
}

_Static_assert(QDB_ERR_FORKED == 21, "the code in the text above");

int qdb_internal_progress(qdb_progress progress, uintptr_t arg, uint64_t done, uint64_t total)
{
	return progress((void *)arg, done, total);
}

/* ---- The library ------------------------------------------------------- */

static const char *version = "(devel)";
static pthread_once_t version_once = PTHREAD_ONCE_INIT;

static void find_version(void)
{
	const char *v = forked ? NULL : qdbgoVersion();

	if (v != NULL)
		version = v;
}

const char *qdb_version(void)
{
	pthread_once(&version_once, find_version);
	return version;
}

uint32_t qdb_abi_version(void)
{
	return QDB_ABI_VERSION;
}

/* ---- Opening and closing ----------------------------------------------- */

int qdb_init_db(const char *path, uint32_t page_size, uint32_t buckets)
{
	return refused() ? -1 : qdbgoInit(path, page_size, buckets);
}

qdb_db *qdb_open(const char *path)
{
	return qdb_open_with_config(path, NULL);
}

qdb_db *qdb_open_ro(const char *path)
{
	return qdb_open_ro_with_config(path, NULL);
}

qdb_db *qdb_open_with_config(const char *path, const char *config_json)
{
	return refused() ? NULL : (qdb_db *)qdbgoOpen(path, config_json, 0);
}

qdb_db *qdb_open_ro_with_config(const char *path, const char *config_json)
{
	return refused() ? NULL : (qdb_db *)qdbgoOpen(path, config_json, 1);
}

void qdb_close(qdb_db *db)
{
	(void)qdb_close_checked(db);
}

int qdb_close_checked(qdb_db *db)
{
	if (db == NULL)
		return 0;
	return refused() ? -1 : qdbgoClose(QDB_KIND_DB, (uintptr_t)db);
}

/* ---- Keys and values --------------------------------------------------- */

int qdb_put(qdb_db *db, const uint8_t *key, size_t key_len, const uint8_t *value, size_t value_len)
{
	return refused() ? -1 : qdbgoPut((uintptr_t)db, key, key_len, value, value_len);
}

static int get(int kind, uintptr_t h, const uint8_t *key, size_t key_len, uint8_t **out, size_t *out_len)
{
	if (out != NULL)
		*out = NULL;
	if (out_len != NULL)
		*out_len = 0;
	return refused() ? -1 : qdbgoGet(kind, h, key, key_len, out, out_len);
}

int qdb_get(qdb_db *db, const uint8_t *key, size_t key_len, uint8_t **out, size_t *out_len)
{
	return get(QDB_KIND_DB, (uintptr_t)db, key, key_len, out, out_len);
}

int qdb_get_into(qdb_db *db, const uint8_t *key, size_t key_len, uint8_t *buf, size_t cap, size_t *len)
{
	return refused() ? -1 : qdbgoGetInto(QDB_KIND_DB, (uintptr_t)db, key, key_len, buf, cap, len);
}

int qdb_has(qdb_db *db, const uint8_t *key, size_t key_len)
{
	return refused() ? -1 : qdbgoHas(QDB_KIND_DB, (uintptr_t)db, key, key_len);
}

int qdb_del(qdb_db *db, const uint8_t *key, size_t key_len)
{
	return refused() ? -1 : qdbgoDelete((uintptr_t)db, key, key_len, 1);
}

int qdb_delete(qdb_db *db, const uint8_t *key, size_t key_len)
{
	return refused() ? -1 : qdbgoDelete((uintptr_t)db, key, key_len, -1);
}

int qdb_delete_prefix(qdb_db *db, const uint8_t *prefix, size_t prefix_len, uint64_t *deleted)
{
	return refused() ? -1 : qdbgoDeletePrefix((uintptr_t)db, prefix, prefix_len, deleted);
}

int qdb_count(qdb_db *db, const uint8_t *prefix, size_t prefix_len, uint64_t *count)
{
	return refused() ? -1 : qdbgoCount(QDB_KIND_DB, (uintptr_t)db, prefix, prefix_len, count);
}

int qdb_limits(qdb_db *db, uint64_t *max_key, uint64_t *max_value)
{
	return refused() ? -1 : qdbgoLimits((uintptr_t)db, max_key, max_value);
}

/* ---- Batches ----------------------------------------------------------- */

int qdb_write(qdb_db *db, const uint8_t *ops, size_t n, uint32_t flags)
{
	return refused() ? -1 : qdbgoWrite((uintptr_t)db, ops, n, flags);
}

int qdb_sync(qdb_db *db)
{
	return refused() ? -1 : qdbgoSync((uintptr_t)db);
}

int qdb_checkpoint(qdb_db *db)
{
	return refused() ? -1 : qdbgoCheckpoint((uintptr_t)db);
}

int qdb_last_lsn(qdb_db *db, uint64_t *lsn)
{
	return refused() ? -1 : qdbgoLSN(QDB_KIND_DB, (uintptr_t)db, lsn);
}

/* ---- Scans ------------------------------------------------------------- */

qdb_scan *qdb_scan_open(qdb_db *db, const uint8_t *prefix, size_t prefix_len, uint32_t flags)
{
	return refused() ? NULL : (qdb_scan *)qdbgoScanOpen(QDB_KIND_DB, (uintptr_t)db, prefix, prefix_len, flags);
}

int qdb_scan_next(qdb_scan *scan, uint8_t *buf, size_t cap, size_t *used, size_t *count)
{
	return refused() ? -1 : qdbgoScanNext((uintptr_t)scan, buf, cap, used, count);
}

int qdb_scan_close(qdb_scan *scan)
{
	if (scan == NULL)
		return 0;
	return refused() ? -1 : qdbgoClose(QDB_KIND_SCAN, (uintptr_t)scan);
}

/* ---- Snapshots --------------------------------------------------------- */

qdb_snapshot *qdb_snapshot_begin(qdb_db *db)
{
	return refused() ? NULL : (qdb_snapshot *)qdbgoSnapshotBegin((uintptr_t)db);
}

qdb_snapshot *qdb_snapshot_open(qdb_db *db, const char *id)
{
	return refused() ? NULL : (qdb_snapshot *)qdbgoSnapshotOpen((uintptr_t)db, id);
}

int qdb_snapshot_get(qdb_snapshot *snap, const uint8_t *key, size_t key_len, uint8_t **out, size_t *out_len)
{
	return get(QDB_KIND_SNAPSHOT, (uintptr_t)snap, key, key_len, out, out_len);
}

int qdb_snapshot_get_into(qdb_snapshot *snap, const uint8_t *key, size_t key_len, uint8_t *buf, size_t cap, size_t *len)
{
	return refused() ? -1 : qdbgoGetInto(QDB_KIND_SNAPSHOT, (uintptr_t)snap, key, key_len, buf, cap, len);
}

int qdb_snapshot_has(qdb_snapshot *snap, const uint8_t *key, size_t key_len)
{
	return refused() ? -1 : qdbgoHas(QDB_KIND_SNAPSHOT, (uintptr_t)snap, key, key_len);
}

int qdb_snapshot_count(qdb_snapshot *snap, const uint8_t *prefix, size_t prefix_len, uint64_t *count)
{
	return refused() ? -1 : qdbgoCount(QDB_KIND_SNAPSHOT, (uintptr_t)snap, prefix, prefix_len, count);
}

qdb_scan *qdb_snapshot_scan_open(qdb_snapshot *snap, const uint8_t *prefix, size_t prefix_len, uint32_t flags)
{
	return refused() ? NULL : (qdb_scan *)qdbgoScanOpen(QDB_KIND_SNAPSHOT, (uintptr_t)snap, prefix, prefix_len, flags);
}

int qdb_snapshot_lsn(qdb_snapshot *snap, uint64_t *lsn)
{
	return refused() ? -1 : qdbgoLSN(QDB_KIND_SNAPSHOT, (uintptr_t)snap, lsn);
}

char *qdb_snapshot_id(qdb_snapshot *snap)
{
	return refused() ? NULL : qdbgoSnapshotID((uintptr_t)snap);
}

int qdb_snapshot_close(qdb_snapshot *snap)
{
	if (snap == NULL)
		return 0;
	return refused() ? -1 : qdbgoClose(QDB_KIND_SNAPSHOT, (uintptr_t)snap);
}

char *qdb_snapshots_json(qdb_db *db)
{
	return refused() ? NULL : qdbgoSnapshots((uintptr_t)db);
}

int qdb_snapshot_end(qdb_db *db, const char *id)
{
	return refused() ? -1 : qdbgoSnapshotEnd((uintptr_t)db, id);
}

int qdb_snapshot_remove(qdb_db *db, const char *id)
{
	return refused() ? -1 : qdbgoSnapshotRemove((uintptr_t)db, id);
}

char *qdb_snapstore_compact_json(qdb_db *db)
{
	return refused() ? NULL : qdbgoSnapStoreCompact((uintptr_t)db);
}

/* ---- Work that takes long ---------------------------------------------- */

int qdb_backup(qdb_db *db, const char *dir, int64_t since, qdb_progress progress, void *arg, uint64_t *lsn)
{
	return refused() ? -1 : qdbgoBackup((uintptr_t)db, dir, since, progress, (uintptr_t)arg, lsn);
}

int qdb_restore(const char *path, const char *dir, uint32_t flags, qdb_progress progress, void *arg)
{
	return refused() ? -1 : qdbgoRestore(path, dir, flags, progress, (uintptr_t)arg);
}

char *qdb_check_json(const char *path, uint32_t flags, qdb_progress progress, void *arg)
{
	return refused() ? NULL : qdbgoCheck(path, flags, progress, (uintptr_t)arg);
}

char *qdb_repair_json(const char *path, uint32_t flags, qdb_progress progress, void *arg)
{
	return refused() ? NULL : qdbgoRepair(path, flags, progress, (uintptr_t)arg);
}

char *qdb_stats_json(qdb_db *db)
{
	return refused() ? NULL : qdbgoStats((uintptr_t)db);
}
