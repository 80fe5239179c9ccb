"""Scans: records come in chunks, many to a call of the library."""

import struct
import weakref

from ._lib import CHUNKS, SCAN_KEYS_ONLY, SCAN_SORTED, byref, c_size_t
from ._wait import interruptible

_lengths = struct.Struct("<II").unpack_from


def _pairs(chunk):
    pairs = []
    add = pairs.append
    at, end = 0, len(chunk)
    while at < end:
        key_length, value_length = _lengths(chunk, at)
        at += 8
        middle = at + key_length
        after = middle + value_length
        add((chunk[at:middle], chunk[middle:after]))
        at = after
    return pairs


def _keys(chunk):
    keys = []
    add = keys.append
    at, end = 0, len(chunk)
    while at < end:
        after = at + 8 + _lengths(chunk, at)[0]
        add(chunk[at + 8 : after])
        at = after
    return keys


class Cursor:
    """A scan of the library, closed when its last user is gone."""

    def __init__(self, reader, prefix, flags):
        lib = reader._lib
        self._lib = lib
        # These may read the whole database before they have a pair to give.
        self._slow = bool(prefix) or bool(flags & SCAN_SORTED)
        self._decode = _keys if flags & SCAN_KEYS_ONLY else _pairs

        def begin():
            return lib.handle(reader._scan_open(reader._handle, prefix, len(prefix), flags))

        self._handle = interruptible(begin, lib.scan_close) if self._slow else begin()
        # The reader lives as long: a database that nobody refers to is closed.
        self._reader = reader
        self._finalizer = weakref.finalize(self, lib.scan_close, self._handle)

    def close(self):
        if self._finalizer.detach():
            self._lib.scan_close(self._handle)
        self._reader = None

    def chunk(self):
        """The next records decoded, at least one; None at the end."""
        if self._slow:
            raw = interruptible(self._next)
        else:
            raw = self._next()
        return None if raw is None else self._decode(raw)

    def _next(self):
        lent = CHUNKS.lend()
        records = c_size_t()
        while True:
            buffer, capacity, used, _ = lent
            result = self._lib.scan_next(self._handle, buffer, capacity, byref(used), byref(records))
            if result != 2:
                break
            lent = CHUNKS.make(used.value)
        self._lib.done(result)
        raw = buffer[: used.value] if result == 0 else None
        CHUNKS.give_back(lent)
        return raw


def _walk(cursor):
    try:
        while True:
            records = cursor.chunk()
            if records is None:
                return
            yield from records
    finally:
        cursor.close()


def flags_of(ordered, keys_only=False):
    return (SCAN_SORTED if ordered else 0) | (SCAN_KEYS_ONLY if keys_only else 0)


class Scan:
    """The pairs (or keys) of one moment, that of the call that began the scan.

    An iterator, and a context manager that closes it. Closing it, reading it to
    its end or forgetting it frees what it holds.
    """

    def __init__(self, reader, prefix, flags):
        self._cursor = Cursor(reader, prefix, flags)
        self._records = _walk(self._cursor)

    def __iter__(self):
        # The generator itself: a loop calls it directly.
        return self._records

    def __next__(self):
        return next(self._records)

    def close(self):
        self._records.close()
        self._cursor.close()  # a generator that never ran has nothing to clean up

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.close()


def collect(reader, prefix):
    """All pairs as a list."""
    cursor = Cursor(reader, prefix, 0)
    pairs = []
    try:
        while True:
            records = cursor.chunk()
            if records is None:
                return pairs
            pairs += records
    finally:
        cursor.close()
