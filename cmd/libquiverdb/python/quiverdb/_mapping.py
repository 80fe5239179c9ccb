"""The pairs of a database or snapshot as the mapping of collections.abc."""

from collections.abc import ItemsView, KeysView, Mapping, MutableMapping, ValuesView

from ._errors import NotFound


class _Items(ItemsView):
    """Lazy: one scan, not a get for each key."""

    __slots__ = ()

    def __iter__(self):
        return iter(self._mapping._reader.scan())


class _Values(ValuesView):
    __slots__ = ()

    def __iter__(self):
        return (value for _, value in self._mapping._reader.scan())

    def __contains__(self, value):
        return any(value == other for other in self)


class PairsView(Mapping):
    """Reads through to the database or snapshot; keeps nothing itself."""

    __slots__ = ("_reader",)

    def __init__(self, reader):
        self._reader = reader

    def __getitem__(self, key):
        return self._reader[key]

    def __contains__(self, key):
        return self._reader.has(key)

    def __iter__(self):
        return iter(self._reader)

    def __len__(self):
        return len(self._reader)

    def keys(self):
        return KeysView(self)

    def values(self):
        return _Values(self)

    def items(self):
        return _Items(self)

    def __repr__(self):
        return "<%s of %r>" % (type(self).__name__, self._reader)


class MutablePairsView(PairsView, MutableMapping):
    """Writes through too. update is one atomic batch; pop, popitem and setdefault
    are a read and a write, between which other threads may come."""

    __slots__ = ()

    def __setitem__(self, key, value):
        self._reader.put(key, value)

    def __delitem__(self, key):
        if not self._reader.delete(key):
            raise NotFound(key)

    def popitem(self):
        with self._reader.scan() as pairs:
            for key, value in pairs:
                del self[key]
                return key, value
        raise NotFound("the database is empty")

    def update(self, other=(), **named):
        if named:
            raise TypeError("keys are bytes: they cannot be keyword arguments")
        with self._reader.batch() as batch:
            batch.update(other)

    def clear(self):
        self._reader.delete_prefix(b"")
