//go:build cgo

/* The error of each thread. It lives in C, for Go does not know which thread it
 * runs on, and because it must be readable in a forked process. */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct thread_error {
	int32_t code;
	char *message;
	char *details;
};

static _Thread_local struct thread_error last;

/* The key exists for its destructor: thread-local memory goes with the thread,
 * what it points to would not. */
static pthread_key_t at_thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int have_key;

static void forget(void *p)
{
	struct thread_error *e = p;

	free(e->message);
	free(e->details);
	memset(e, 0, sizeof *e);
}

static void make_key(void)
{
	have_key = pthread_key_create(&at_thread_end, forget) == 0;
}

void qdb_internal_fail(int32_t code, char *message, char *details)
{
	forget(&last);
	last.code = code;
	last.message = message;
	last.details = details;
	pthread_once(&once, make_key);
	if (have_key)
		pthread_setspecific(at_thread_end, &last);
}

int32_t qdb_last_error_code(void)
{
	return last.code;
}

char *qdb_last_error_dup(void)
{
	return last.message == NULL ? NULL : strdup(last.message);
}

char *qdb_last_error_json(void)
{
	return last.details == NULL ? NULL : strdup(last.details);
}

static const char *const names[] = {
	[QDB_OK] = "ok",
	[QDB_ERR_INTERNAL] = "internal",
	[QDB_ERR_INVALID] = "invalid",
	[QDB_ERR_CLOSED] = "closed",
	[QDB_ERR_NO_DATABASE] = "no_database",
	[QDB_ERR_INCOMPLETE] = "incomplete",
	[QDB_ERR_EXISTS] = "exists",
	[QDB_ERR_LOCKED] = "locked",
	[QDB_ERR_READ_ONLY] = "read_only",
	[QDB_ERR_CORRUPT] = "corrupt",
	[QDB_ERR_INCOMPATIBLE] = "incompatible",
	[QDB_ERR_FULL] = "full",
	[QDB_ERR_TOO_LARGE] = "too_large",
	[QDB_ERR_POISONED] = "poisoned",
	[QDB_ERR_SNAPSHOT_GONE] = "snapshot_gone",
	[QDB_ERR_NO_SNAPSHOT] = "no_snapshot",
	[QDB_ERR_CANCELED] = "canceled",
	[QDB_ERR_BUSY] = "busy",
	[QDB_ERR_IO] = "io",
	[QDB_ERR_PERMISSION] = "permission",
	[QDB_ERR_NOT_FOUND] = "not_found",
	[QDB_ERR_FORKED] = "forked",
	[QDB_ERR_NO_MEMORY] = "no_memory",
};

const char *qdb_error_name(int32_t code)
{
	if (code < 0 || (size_t)code >= sizeof names / sizeof names[0])
		return "unknown";
	return names[code];
}
