//go:build cgo

/* Memory that callers own is C's, so that it can be freed anywhere, also in a
 * forked process, and is no business of Go's garbage collector. */

#include <stdlib.h>

#include "internal.h"

void *qdb_internal_alloc(size_t n)
{
	return malloc(n == 0 ? 1 : n);
}

void qdb_free_buf(uint8_t *buf, size_t len)
{
	(void)len;
	free(buf);
}

void qdb_free_string(char *s)
{
	free(s);
}
