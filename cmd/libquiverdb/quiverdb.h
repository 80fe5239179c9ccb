/*
 * quiverdb.h - C interface of QuiverDB, an embedded key-value database: one
 * folder, one writing process or many reading ones, keys and values are bytes.
 *
 *     qdb_db *db;
 *     if (qdb_init_db("db", 4096, 128) != 0) ...
 *     if ((db = qdb_open("db")) == NULL) ...
 *     if (qdb_put(db, (const uint8_t *)"alpha", 5, (const uint8_t *)"1", 1) != 0) ...
 *     qdb_close(db);
 *
 * RULES THAT HOLD FOR EVERY FUNCTION
 *
 * Strings are UTF-8 and end in NUL. A key, value or prefix is a pointer and a
 * length; with length 0 the pointer may be NULL, and an empty key or value is as
 * good as any other. A NULL pointer with a length above 0, a NULL path, and a
 * NULL where a result goes are QDB_ERR_INVALID, unless "NULL allowed" is said.
 * Arguments are only read during the call.
 *
 * Threads: every function may be called from any thread, also on one handle at
 * the same time. A handle may be closed while other threads use it: their calls
 * then either finish or fail with QDB_ERR_CLOSED. Closing a database closes its
 * scans and snapshots and cancels its backups.
 *
 * Handles are numbers, not addresses, and are never used twice: a handle that
 * was closed, never existed or is of another kind is QDB_ERR_CLOSED or
 * QDB_ERR_INVALID, never a crash. So is NULL, except where it is allowed.
 *
 * Errors: a function that fails says so in its result and leaves a code, a
 * message and details for its thread. They stay until the next function that
 * fails on that thread; success does not clear them. Results are written only
 * where the function says that it succeeded, or says so.
 *
 * Memory that a function returns belongs to the caller: char * goes to
 * qdb_free_string, the values of qdb_get to qdb_free_buf.
 *
 * Forks: a process that was forked after this library was loaded cannot use it.
 * Every function that would, fails with QDB_ERR_FORKED; qdb_close and the like do
 * nothing; what frees memory and tells errors works. Execute a new program, or
 * load the library (dlopen) only after the fork. The lock of an open database
 * stays with the process that opened it, but a child that outlives it without
 * executing another program keeps the lock until it ends.
 *
 * Durability: when qdb_put, qdb_del, qdb_delete, qdb_delete_prefix, qdb_write
 * without QDB_WRITE_NO_SYNC, or qdb_sync has succeeded, the change survives a
 * crash of the process, of the system and a power loss. A call that had not
 * returned is found wholly done or not at all.
 */
#ifndef QUIVERDB_H
#define QUIVERDB_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* It grows when something that stands here changes its meaning or goes away;
 * functions, error codes and members of JSON texts are added without that. */
#define QDB_ABI_VERSION 1

typedef struct qdb_db qdb_db;
typedef struct qdb_scan qdb_scan;
typedef struct qdb_snapshot qdb_snapshot;

/* Error codes. The name that qdb_error_name gives stands in quotes. */
enum {
	QDB_OK = 0,                 /* "ok": no call of this thread has failed */
	QDB_ERR_INTERNAL = 1,       /* "internal": a mistake in the library; the call may have done its work or not */
	QDB_ERR_INVALID = 2,        /* "invalid": an argument, configuration or environment variable */
	QDB_ERR_CLOSED = 3,         /* "closed": the handle was closed */
	QDB_ERR_NO_DATABASE = 4,    /* "no_database": the folder holds none */
	QDB_ERR_INCOMPLETE = 5,     /* "incomplete": an init, restore or backup was interrupted; run it again */
	QDB_ERR_EXISTS = 6,         /* "exists": a database or backup is there already */
	QDB_ERR_LOCKED = 7,         /* "locked": by another handle of this or another process */
	QDB_ERR_READ_ONLY = 8,      /* "read_only": a write through a read-only handle, or a read-only disk */
	QDB_ERR_CORRUPT = 9,        /* "corrupt": files contradict their checksums or each other */
	QDB_ERR_INCOMPATIBLE = 10,  /* "incompatible": unknown format, or a backup that does not fit the database */
	QDB_ERR_FULL = 11,          /* "full": no space left; nothing was changed, the handle works on */
	QDB_ERR_TOO_LARGE = 12,     /* "too_large": key, value or batch; nothing was changed */
	QDB_ERR_POISONED = 13,      /* "poisoned": a write or sync failed before; reopen the database */
	QDB_ERR_SNAPSHOT_GONE = 14, /* "snapshot_gone": a page of it is not to be had any more */
	QDB_ERR_NO_SNAPSHOT = 15,   /* "no_snapshot": no snapshot has that id */
	QDB_ERR_CANCELED = 16,      /* "canceled": by a progress function, or by closing the database */
	QDB_ERR_BUSY = 17,          /* "busy": a recount runs; try again later */
	QDB_ERR_IO = 18,            /* "io": the system failed; see errno in qdb_last_error_json */
	QDB_ERR_PERMISSION = 19,    /* "permission": the system does not allow it */
	QDB_ERR_NOT_FOUND = 20,     /* "not_found": a file or folder is not there */
	QDB_ERR_FORKED = 21,        /* "forked": this process was forked after the library was loaded */
	QDB_ERR_NO_MEMORY = 22      /* "no_memory" */
};

/* ---- The library ------------------------------------------------------- */

/* Version of the library, "(devel)" for a build without one. Never freed. */
const char *qdb_version(void);

/* QDB_ABI_VERSION of the library that was loaded. */
uint32_t qdb_abi_version(void);

/* ---- Errors of this thread --------------------------------------------- */

/* Code of the last failure, QDB_OK if there was none. */
int32_t qdb_last_error_code(void);

/* Message of the last failure; NULL if there was none. */
char *qdb_last_error_dup(void);

/* The last failure as a JSON object; NULL if there was none. Members: code
 * (number), kind (name of the code), message; where they are known also path,
 * page, offset (in the file) and reason of a corruption, path and holder
 * (content of the lock file) of a lock, and errno of the system. */
char *qdb_last_error_json(void);

/* Name of a code; "unknown" for a number that is none. Never freed. */
const char *qdb_error_name(int32_t code);

/* Frees a string; NULL allowed. */
void qdb_free_string(char *s);

/* Frees a value of qdb_get; NULL allowed. */
void qdb_free_buf(uint8_t *buf, size_t len);

/* ---- Opening and closing ----------------------------------------------- */

/* Makes a database in a folder, and the folder with its parents. Where there is
 * a database it does nothing, whatever its page size and buckets are and whoever
 * has it open. page_size: 4096, 8192, 16384 or 32768 bytes, 0 =
 * 4096. buckets: 1 to 2^24, 0 = 128. 0, or -1 on error. */
int qdb_init_db(const char *path, uint32_t page_size, uint32_t buckets);

/* Opens for reading and writing, alone; or (_ro) for reading, beside other
 * readers. NULL on error. A database that was not closed cleanly is recovered, or
 * shown (_ro) as recovery would leave it. A lock is waited for, 5 s by default.
 *
 * What is not in the configuration comes from the environment, as it is at this
 * moment (P1_WAL_COALESCE_MS, P1_DATA_FSYNC, ...), and else is its default.
 *
 * config_json: NULL, or an object with any of these. Unknown members, members
 * that are there twice and wrong types are QDB_ERR_INVALID, which names the member;
 * null is as good as absent. Numbers are whole, from 0 to 2^31-1.
 *   wal_coalesce_ms      longest time a commit waits for company; 0 = none (3)
 *   data_fsync           sync the data segments in each commit too (true)
 *   page_cache_pages     pages kept in memory; 0 = none (64 MiB of pages)
 *   ovf_threshold_bytes  longer values get pages of their own (page size / 4)
 *   snap_persist         snapshots outlive the handle (false)
 *   snap_dedup           equal pages of snapshots are stored once (false)
 *   snapstore_dir        folder for that, absolute or below the database (".snapstore")
 *   lock_wait_ms         longest wait for a lock; 0 = none (5000)
 *   salvage              open a damaged log without what stands behind the
 *                        damage, and without a checked free list (false) */
qdb_db *qdb_open(const char *path);
qdb_db *qdb_open_ro(const char *path);
qdb_db *qdb_open_with_config(const char *path, const char *config_json);
qdb_db *qdb_open_ro_with_config(const char *path, const char *config_json);

/* Closes; NULL allowed. Makes all durable that was written with
 * QDB_WRITE_NO_SYNC. An error is left for qdb_last_error_*. */
void qdb_close(qdb_db *db);

/* qdb_close that tells: 0, or -1. The handle is gone either way. NULL allowed. */
int qdb_close_checked(qdb_db *db);

/* ---- Keys and values --------------------------------------------------- */

/* 0; 1 for a read-only handle (with QDB_ERR_READ_ONLY); -1 on error. */
int qdb_put(qdb_db *db, const uint8_t *key, size_t key_len, const uint8_t *value, size_t value_len);

/* 0 found: *out and *out_len are the value, for qdb_free_buf; *out is not NULL
 * for an empty one either. 1 not found, -1 error: *out is NULL. */
int qdb_get(qdb_db *db, const uint8_t *key, size_t key_len, uint8_t **out, size_t *out_len);

/* Gets into memory of the caller. 0 found: the first *len bytes of buf are the
 * value. 1 not found. 2 found, but the value needs *len bytes, more than cap: buf
 * holds nothing of use. -1 error. buf may be NULL with cap 0, to learn the length. */
int qdb_get_into(qdb_db *db, const uint8_t *key, size_t key_len, uint8_t *buf, size_t cap, size_t *len);

/* 1 there, 0 not there, -1 error. */
int qdb_has(qdb_db *db, const uint8_t *key, size_t key_len);

/* 0 deleted; 1 not there, or a read-only handle (with QDB_ERR_READ_ONLY); -1. */
int qdb_del(qdb_db *db, const uint8_t *key, size_t key_len);

/* 0 deleted, 1 not there, -1 error, of which a read-only handle is one. */
int qdb_delete(qdb_db *db, const uint8_t *key, size_t key_len);

/* Deletes every key that begins with prefix, in one atomic operation, and gives
 * their number; an empty prefix means all. deleted: NULL allowed. 0, -1. */
int qdb_delete_prefix(qdb_db *db, const uint8_t *prefix, size_t prefix_len, uint64_t *deleted);

/* Number of keys that begin with prefix; an empty one means all. Reads the whole
 * database, but no long values. 0, -1. */
int qdb_count(qdb_db *db, const uint8_t *prefix, size_t prefix_len, uint64_t *count);

/* Longest key and value in bytes that the database takes. NULL allowed. 0, -1. */
int qdb_limits(qdb_db *db, uint64_t *max_key, uint64_t *max_value);

/* ---- Batches ----------------------------------------------------------- */

/* Kinds of packed operations. */
#define QDB_OP_PUT 0
#define QDB_OP_DELETE 1

/* The batch is visible to this handle when the call returns, and durable after
 * the next qdb_sync or any other write that syncs. A crash before that loses a
 * suffix of such batches, each as a whole. */
#define QDB_WRITE_NO_SYNC 1u

/* Makes changes in their order as one atomic operation. ops are n bytes of packed
 * operations, one after the other without gaps:
 *   u8 kind, u32 key length, u32 value length (both little-endian), key, value
 * A delete has value length 0; one of a key that is not there is no error. ops is
 * checked as a whole before anything is changed. n = 0 changes nothing. 0, -1. */
int qdb_write(qdb_db *db, const uint8_t *ops, size_t n, uint32_t flags);

/* Makes every batch without a sync durable. 0, -1. */
int qdb_sync(qdb_db *db);

/* Writes everything into the data segments and empties the log. It happens by
 * itself when the log is full and when the database is closed. 0, -1. */
int qdb_checkpoint(qdb_db *db);

/* Log sequence number of the last durable change. 0, -1. */
int qdb_last_lsn(qdb_db *db, uint64_t *lsn);

/* ---- Scans ------------------------------------------------------------- */

/* In the order of the keys. All pairs are held in memory; without it the order
 * is arbitrary and the memory bounded. */
#define QDB_SCAN_SORTED 1u
/* Values are left out (length 0), and long ones not read. */
#define QDB_SCAN_KEYS_ONLY 2u

/* Begins a scan of all pairs whose keys begin with prefix, as they are now; what
 * is written later is not seen. It returns when the first pair has been found,
 * which for a prefix may mean reading the whole database. NULL on error. The
 * database keeps older versions of pages in memory until the scan has reached its
 * end, or soon after it was closed: one that looks for few keys may first read on
 * to the next 128 KiB of pairs, or the end of the database. */
qdb_scan *qdb_scan_open(qdb_db *db, const uint8_t *prefix, size_t prefix_len, uint32_t flags);

/* Gives the next pairs, as many whole records as are at hand and fit into cap
 * bytes (some 100 KiB a call; a buffer of 256 KiB is a good one). A record:
 *   u32 key length, u32 value length (both little-endian), key, value
 * 0: *used bytes of *count (at least one) records. 1: the end; *used and *count
 * are 0. 2: the next record alone needs *used bytes, more than cap; nothing was
 * lost, call again with more. -1 error, again at each later call. Calls of several
 * threads take turns. */
int qdb_scan_next(qdb_scan *scan, uint8_t *buf, size_t cap, size_t *used, size_t *count);

/* Ends a scan, wherever it is; NULL allowed. 0, -1. */
int qdb_scan_close(qdb_scan *scan);

/* ---- Snapshots --------------------------------------------------------- */

/* Begins a snapshot of this moment. With snap_persist it is written down and
 * outlives the handle, and crashes, until qdb_snapshot_end or _remove; otherwise it
 * ends with its handle. NULL on error. */
qdb_snapshot *qdb_snapshot_begin(qdb_db *db);

/* Opens a persisted snapshot for reading. NULL on error. */
qdb_snapshot *qdb_snapshot_open(qdb_db *db, const char *id);

/* As qdb_get, qdb_get_into, qdb_has, qdb_count and qdb_scan_open. */
int qdb_snapshot_get(qdb_snapshot *snap, const uint8_t *key, size_t key_len, uint8_t **out, size_t *out_len);
int qdb_snapshot_get_into(qdb_snapshot *snap, const uint8_t *key, size_t key_len, uint8_t *buf, size_t cap, size_t *len);
int qdb_snapshot_has(qdb_snapshot *snap, const uint8_t *key, size_t key_len);
int qdb_snapshot_count(qdb_snapshot *snap, const uint8_t *prefix, size_t prefix_len, uint64_t *count);
qdb_scan *qdb_snapshot_scan_open(qdb_snapshot *snap, const uint8_t *prefix, size_t prefix_len, uint32_t flags);

/* The last change that the snapshot has. 0, -1. */
int qdb_snapshot_lsn(qdb_snapshot *snap, uint64_t *lsn);

/* Its id; NULL on error. */
char *qdb_snapshot_id(qdb_snapshot *snap);

/* Ends its use, and closes its scans; NULL allowed. 0, -1. */
int qdb_snapshot_close(qdb_snapshot *snap);

/* The persisted snapshots in the order in which they were begun, as a JSON array
 * of objects: id, lsn, ts_nanos (since 1970), ended. NULL on error. */
char *qdb_snapshots_json(qdb_db *db);

/* Takes the protection of a persisted snapshot away; its files stay. 0, -1. */
int qdb_snapshot_end(qdb_db *db, const char *id);

/* Ends a persisted snapshot and removes its files. 0, -1. */
int qdb_snapshot_remove(qdb_db *db, const char *id);

/* Gives back the space of pages that no snapshot refers to. A JSON object:
 * before_bytes, after_bytes, dropped_pages. NULL on error. */
char *qdb_snapstore_compact_json(qdb_db *db);

/* ---- Work that takes long ---------------------------------------------- */

/* Called now and then on the thread that made the call, with bytes or pages
 * done; total is 0 where there is nothing to do, and both begin anew with each phase of
 * the work. Anything but 0 cancels, and the function is not called again: the call
 * fails with QDB_ERR_CANCELED, or succeeds if nothing was left to do. The function
 * may use the library, but must return, and not in a child that it forked. */
typedef int (*qdb_progress)(void *arg, uint64_t done, uint64_t total);

/* Writes the database as of this moment into a folder, which must be absent,
 * empty or hold an interrupted backup, while writes go on. since: -1 = full, else
 * what has changed after this LSN, that of an earlier backup. lsn (NULL allowed)
 * gets the LSN of this backup: the since of the next. progress may be NULL.
 * 0, -1. */
int qdb_backup(qdb_db *db, const char *dir, int64_t since, qdb_progress progress, void *arg, uint64_t *lsn);

/* Check the restored database before it gets its name. */
#define QDB_RESTORE_VERIFY 1u

/* Makes the database of a full backup in a folder that is absent or empty, or
 * brings a closed database at the LSN that an incremental backup was made from up
 * to that backup. Until it has succeeded the folder is QDB_ERR_INCOMPLETE; it can
 * be run again. progress may be NULL. 0, -1. */
int qdb_restore(const char *path, const char *dir, uint32_t flags, qdb_progress progress, void *arg);

/* Make a finding of what is only unusual too. */
#define QDB_CHECK_STRICT 1u

/* Opens a database read-only, reads all of it and lists every fault. A JSON
 * object: findings, an array of objects (severity, file, page, offset, message;
 * page 2^64-1 and offset -1 mean none), and counts of pages, pairs and bytes. NULL
 * if the check could not be done. progress may be NULL. */
char *qdb_check_json(const char *path, uint32_t flags, qdb_progress progress, void *arg);

/* No other database has used the SnapStore of this one. It is asked for where that
 * stands outside the folder and has images that no snapshot here names. */
#define QDB_REPAIR_SOLE_OWNER 1u

/* Puts right what qdb_check_json with QDB_CHECK_STRICT finds leaked: opens a
 * database for writing, frees pages that nothing leads to, makes the reference
 * counts of the SnapStore what the snapshots say, and stores its damaged images
 * again where a snapshot has them too. Other damage stays, and is the error in the
 * end, after all that could be done. A crash in it loses nothing; it can be run
 * again. A JSON object: freed_pages, lowered_counts, raised_counts,
 * restored_images, removed_folders. NULL on error. progress may be NULL. */
char *qdb_repair_json(const char *path, uint32_t flags, qdb_progress progress, void *arg);

/* Figures about an open database, without reading any page, as a JSON object:
 * page_size, buckets, last_lsn, poisoned, segment_bytes, log_bytes, ... */
char *qdb_stats_json(qdb_db *db);

#ifdef __cplusplus
}
#endif

#endif
