"""What a database and a snapshot have in common: reading."""

from ._arguments import as_bytes
from ._errors import NotFound
from ._lib import SIZES, VALUES
from ._mapping import PairsView
from ._scan import Scan, collect, flags_of
from ._wait import interruptible

_free = VALUES.free


class Reader:
    """Needs _lib, _handle and the library's functions for its kind of handle:
    _get_into, _has, _count, _scan_open."""

    __slots__ = ("_lib", "_handle", "_get_into", "_has", "_count", "_scan_open", "__weakref__")

    def get(self, key):
        """The value of a key, None if there is none."""
        if type(key) is not bytes:
            key = as_bytes(key, "key")
        try:  # Buffers.lend, written out: a call more is a tenth of a get
            lent = _free.pop()
        except IndexError:
            lent = VALUES.lend()
        buffer, capacity, length, reference = lent
        result = self._get_into(self._handle, key, SIZES[len(key)], buffer, capacity, reference)
        if result == 0:
            value = buffer[: length.value]
        elif result == 1:
            value = None
        elif result == 2:
            return self._get_long(key, length.value)
        else:
            raise self._lib.error()
        _free.append(lent)
        return value

    def _get_long(self, key, need):
        result = 2
        while result == 2:  # it may have grown meanwhile
            lent = VALUES.make(need)
            buffer, capacity, length, reference = lent
            result = self._get_into(self._handle, key, SIZES[len(key)], buffer, capacity, reference)
            need = length.value
        self._lib.done(result)
        value = buffer[:need] if result == 0 else None
        VALUES.give_back(lent)
        return value

    def has(self, key):
        """Whether a key is there, without reading its value."""
        if type(key) is not bytes:
            key = as_bytes(key, "key")
        return self._lib.done(self._has(self._handle, key, len(key))) == 1

    def scan(self, prefix=b"", sorted=False):
        """Iterates lazily over the pairs whose keys begin with prefix, as they are now."""
        return Scan(self, as_bytes(prefix, "prefix"), flags_of(sorted))

    def scan_all(self):
        """All pairs as a list, in no order."""
        return collect(self, b"")

    def scan_prefix(self, prefix):
        """The pairs whose keys begin with prefix as a list, in no order."""
        return collect(self, as_bytes(prefix, "prefix"))

    def _scan_keys(self):
        return Scan(self, b"", flags_of(False, keys_only=True))

    @property
    def mapping(self):
        """The pairs as a collections.abc.Mapping."""
        return PairsView(self)

    def keys(self):
        return self.mapping.keys()

    def values(self):
        return self.mapping.values()

    def items(self):
        return self.mapping.items()

    def __getitem__(self, key):
        value = self.get(key)
        if value is None:
            raise NotFound(key)
        return value

    def __contains__(self, key):
        return self.has(key)

    def __iter__(self):
        return iter(self._scan_keys())

    def __len__(self):
        return interruptible(lambda: self._lib.number(self._count, self._handle, b"", 0))

    def __bool__(self):
        # Not by the length, which reads the whole database.
        return True
