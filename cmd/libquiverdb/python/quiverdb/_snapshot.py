"""Snapshots: the database as of one moment."""

import weakref
from collections import namedtuple

from ._reader import Reader

SnapshotInfo = namedtuple("SnapshotInfo", "id lsn ts_nanos ended")
SnapshotInfo.__doc__ = "A persisted snapshot: its id, its LSN, when it was begun (ns since 1970), whether it was ended."


class Snapshot(Reader):
    """The database as of one LSN, whatever is written afterwards.

    A context manager that closes it. A persisted one (open with snap_persist=True)
    outlives that, until end_snapshot or remove_snapshot.
    """

    __slots__ = ("_database", "_finalizer", "_id")

    def __init__(self, database, handle):
        lib = database._lib
        self._lib = lib
        self._handle = handle
        self._finalizer = weakref.finalize(self, lib.snapshot_close, handle)
        self._database = database  # which stays open as long as somebody reads
        self._get_into = lib.snapshot_get_into
        self._has = lib.snapshot_has
        self._count = lib.snapshot_count
        self._scan_open = lib.snapshot_scan_open
        self._id = lib.text(lib.snapshot_id(handle))

    @property
    def id(self):
        """Names the snapshot."""
        return self._id

    @property
    def lsn(self):
        """The last change that the snapshot has."""
        return self._lib.number(self._lib.snapshot_lsn, self._handle)

    def close(self):
        """Ends the use of the snapshot. A second time it does nothing."""
        if self._finalizer.detach():
            self._lib.done(self._lib.snapshot_close(self._handle))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.close()

    def __repr__(self):
        state = "" if self._finalizer.alive else " (closed)"
        return "<quiverdb.Snapshot %s%s>" % (self._id, state)
