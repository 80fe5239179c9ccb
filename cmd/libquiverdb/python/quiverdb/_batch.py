"""Batches: changes that are made together or not at all."""

import struct

from ._arguments import as_bytes
from ._errors import TooLarge
from ._lib import WRITE_NO_SYNC

_PUT = 0
_DELETE = 1
_LONGEST = (1 << 32) - 1
_head = struct.Struct("<BII").pack


class Batch:
    """Collects changes; leaving the with block writes them as one atomic operation.

    An exception inside the block discards them. Not for use by several threads.
    """

    __slots__ = ("_database", "_sync", "_parts", "_length")

    def __init__(self, database, sync):
        self._database = database
        self._sync = sync
        self._parts = []
        self._length = 0

    def put(self, key, value):
        """Adds a put. Key and value are copied, unless they are bytes."""
        if type(key) is not bytes:
            key = as_bytes(key, "key")
        if type(value) is not bytes:
            value = as_bytes(value, "value")
        if len(key) > _LONGEST or len(value) > _LONGEST:
            raise TooLarge("a key or value of more than %d bytes" % _LONGEST)
        self._parts += (_head(_PUT, len(key), len(value)), key, value)
        self._length += 1

    def delete(self, key):
        """Adds a delete; a key that is not there is no error."""
        if type(key) is not bytes:
            key = as_bytes(key, "key")
        if len(key) > _LONGEST:
            raise TooLarge("a key of more than %d bytes" % _LONGEST)
        self._parts += (_head(_DELETE, len(key), 0), key)
        self._length += 1

    def update(self, other):
        """Adds a put for each pair of a mapping or an iterable of pairs."""
        for key, value in other.items() if hasattr(other, "items") else other:
            self.put(key, value)

    __setitem__ = put
    __delitem__ = delete

    def __len__(self):
        """Number of changes."""
        return self._length

    def __bool__(self):
        return True

    def clear(self):
        """Forgets the changes."""
        self._parts = []
        self._length = 0

    def write(self):
        """Makes the changes now, and forgets them when they are made."""
        packed = b"".join(self._parts)
        database = self._database
        lib = database._lib
        lib.done(lib.write(database._handle, packed, len(packed), 0 if self._sync else WRITE_NO_SYNC))
        self.clear()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        if kind is None:
            self.write()
        else:
            self.clear()
