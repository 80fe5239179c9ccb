/* What the C and the Go half of the library tell each other. Not installed. */
#ifndef QUIVERDB_INTERNAL_H
#define QUIVERDB_INTERNAL_H

#include "quiverdb.h"

/* Go has no const: these let its exports take what the header promises not to write. */
typedef const uint8_t *qdb_bytes_in;
typedef const char *qdb_text_in;

/* Not for programs that link with the library, nor for another one in the process
 * that has the same idea of a name. */
#define QDB_INTERNAL __attribute__((visibility("hidden")))

/* Kinds of handles. */
enum { QDB_KIND_DB = 1, QDB_KIND_SNAPSHOT = 2, QDB_KIND_SCAN = 3 };

/* Replaces the error of this thread. message and details become the thread's,
 * to be freed by it; NULL where there was no memory for them. */
QDB_INTERNAL void qdb_internal_fail(int32_t code, char *message, char *details);

/* malloc that gives a pointer for 0 bytes too. */
QDB_INTERNAL void *qdb_internal_alloc(size_t n);

QDB_INTERNAL int qdb_internal_progress(qdb_progress progress, uintptr_t arg, uint64_t done, uint64_t total);

#endif
