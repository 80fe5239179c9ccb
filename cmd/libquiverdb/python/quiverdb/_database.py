"""The class Database."""

import json
import os
import weakref

from ._arguments import as_bool, as_bytes, as_count, as_folder, as_path, as_text, as_u32
from ._batch import Batch
from ._errors import Invalid, NotFound
from ._lib import CHECK_STRICT, RESTORE_VERIFY, SIZES, byref, c_uint64, library
from ._mapping import MutablePairsView
from ._reader import Reader
from ._snapshot import Snapshot, SnapshotInfo
from ._wait import cancellable, interruptible


def _configuration(options):
    """The JSON text of the options that were given; the library takes the others
    from the environment."""
    return json.dumps({name: convert(value, name) for name, (value, convert) in options.items() if value is not None}).encode()


class Database(Reader):
    """An open database. Threads may share it; see README.md about forks.

    A context manager that closes it, and a mapping as far as that is cheap:
    db[key], key in db, del db[key], iteration over the keys, len. The attribute
    mapping is a whole collections.abc.MutableMapping.
    """

    __slots__ = ("_path", "_put", "_read_only", "_finalizer")

    def __init__(self):
        raise TypeError("use Database.open or Database.open_ro")

    @staticmethod
    def init_db(path, page_size, buckets):
        """Makes a database, and its folder, unless it is there."""
        lib = library()
        lib.done(lib.init_db(as_path(path), as_u32(page_size, "page_size"), as_u32(buckets, "buckets")))

    @staticmethod
    def open(
        path,
        wal_coalesce_ms=None,
        data_fsync=None,
        page_cache_pages=None,
        ovf_threshold_bytes=None,
        snap_persist=None,
        snap_dedup=None,
        snapstore_dir=None,
    ):
        """Opens a database for reading and writing, alone. What is None comes from
        the environment, and else is the default."""
        configuration = _configuration(
            {
                "wal_coalesce_ms": (wal_coalesce_ms, as_count),
                "data_fsync": (data_fsync, as_bool),
                "page_cache_pages": (page_cache_pages, as_count),
                "ovf_threshold_bytes": (ovf_threshold_bytes, as_count),
                "snap_persist": (snap_persist, as_bool),
                "snap_dedup": (snap_dedup, as_bool),
                "snapstore_dir": (snapstore_dir, as_folder),
            }
        )
        lib = library()
        return Database._opened(lib, lib.open_with_config, path, configuration, False)

    @staticmethod
    def open_ro(path):
        """Opens a database for reading, beside other readers."""
        lib = library()
        return Database._opened(lib, lib.open_ro_with_config, path, b"{}", True)

    @staticmethod
    def _opened(lib, function, path, configuration, read_only):
        folder = as_path(path)
        db = Database.__new__(Database)
        db._lib = lib
        db._path = os.fsdecode(folder)
        db._read_only = read_only
        db._put = lib.put
        db._get_into = lib.get_into
        db._has = lib.has
        db._count = lib.count
        db._scan_open = lib.scan_open
        db._handle = interruptible(lambda: lib.handle(function(folder, configuration)), lib.close)
        # When the last reference goes, and at the end of the interpreter.
        db._finalizer = weakref.finalize(db, lib.close, db._handle)
        return db

    @staticmethod
    def restore(dst_path, backup_dir):
        """Makes a database of a full backup, or brings one up to an incremental backup."""
        Database._restore(dst_path, backup_dir, False)

    @staticmethod
    def _restore(dst_path, backup_dir, verify):
        lib = library()
        target, source, flags = as_path(dst_path), as_path(backup_dir), RESTORE_VERIFY if verify else 0
        cancellable(lambda progress: lib.done(lib.restore(target, source, flags, progress, None)))

    @staticmethod
    def check(path, strict=False):
        """Reads a closed database wholly and gives what is wrong with it, as a dict
        with findings and counts."""
        lib = library()
        folder, flags = as_path(path), CHECK_STRICT if strict else 0
        return json.loads(cancellable(lambda progress: lib.text(lib.check_json(folder, flags, progress, None))))

    def put(self, key, value):
        """Stores a value under a key. It is durable when the call returns."""
        if type(key) is not bytes:
            key = as_bytes(key, "key")
        if type(value) is not bytes:
            value = as_bytes(value, "value")
        if self._put(self._handle, key, SIZES[len(key)], value, SIZES[len(value)]) != 0:
            raise self._lib.error()

    def delete(self, key):
        """Removes a key and tells whether it was there."""
        key = as_bytes(key, "key")
        return self._lib.done(self._lib.delete(self._handle, key, len(key))) == 0

    def delete_prefix(self, prefix):
        """Removes every key that begins with prefix, atomically, and gives their number."""
        prefix = as_bytes(prefix, "prefix")
        return interruptible(lambda: self._lib.number(self._lib.delete_prefix, self._handle, prefix, len(prefix)))

    def batch(self, sync=True):
        """Changes that are made together, when the with block ends. Without sync they
        are durable after the next sync, or the next write that syncs."""
        return Batch(self, sync)

    def sync(self):
        """Makes batches without a sync durable."""
        self._lib.done(self._lib.sync(self._handle))

    def checkpoint(self):
        """Writes everything into the data segments and empties the log."""
        interruptible(lambda: self._lib.done(self._lib.checkpoint(self._handle)))

    def last_lsn(self):
        """Log sequence number of the last durable change."""
        return self._lib.number(self._lib.last_lsn, self._handle)

    def stats(self):
        """Figures about the open database as a dict; reads no page."""
        return json.loads(self._lib.text(self._lib.stats_json(self._handle)))

    def backup(self, out_dir, since_lsn=None):
        """Writes a backup of this moment into a folder: full, or what has changed after an LSN."""
        self._backup(out_dir, since_lsn)

    def _backup(self, out_dir, since_lsn):
        folder = as_path(out_dir)
        since = -1
        if since_lsn is not None:
            since = as_count(since_lsn, "since_lsn")
            if not 0 <= since < 1 << 63:
                raise Invalid("since_lsn is out of range: %d" % since)
        lsn = c_uint64()
        cancellable(lambda progress: self._lib.done(self._lib.backup(self._handle, folder, since, progress, None, byref(lsn))))
        return lsn.value

    def snapshot(self):
        """Begins a snapshot of this moment."""
        return Snapshot(self, self._lib.handle(self._lib.snapshot_begin(self._handle)))

    def snapshots(self):
        """The persisted snapshots, in the order in which they were begun."""
        told = json.loads(self._lib.text(self._lib.snapshots_json(self._handle)))
        return [SnapshotInfo(s["id"], s["lsn"], s["ts_nanos"], s["ended"]) for s in told]

    def open_snapshot(self, id):
        """Opens a persisted snapshot."""
        return Snapshot(self, self._lib.handle(self._lib.snapshot_open(self._handle, as_text(id, "id"))))

    def end_snapshot(self, id):
        """Takes the protection of a persisted snapshot away; its files stay."""
        self._lib.done(self._lib.snapshot_end(self._handle, as_text(id, "id")))

    def remove_snapshot(self, id):
        """Ends a persisted snapshot and removes its files."""
        self._lib.done(self._lib.snapshot_remove(self._handle, as_text(id, "id")))

    def compact_snapstore(self):
        """Gives back the space of pages that no snapshot refers to; a dict of sizes."""
        return json.loads(interruptible(lambda: self._lib.text(self._lib.snapstore_compact_json(self._handle))))

    @property
    def mapping(self):
        """The pairs as a collections.abc.MutableMapping."""
        return MutablePairsView(self)

    @property
    def path(self):
        """The folder, as it was given."""
        return self._path

    @property
    def read_only(self):
        return self._read_only

    @property
    def closed(self):
        return not self._finalizer.alive

    def close(self):
        """Closes the database, its scans and its snapshots. A second time it does nothing."""
        if self._finalizer.detach():
            self._lib.done(self._lib.close_checked(self._handle))

    def __setitem__(self, key, value):
        self.put(key, value)

    def __delitem__(self, key):
        if not self.delete(key):
            raise NotFound(key)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.close()

    def __reduce__(self):
        raise TypeError("an open database cannot be pickled: pass its path, and open it in the other process")

    def __repr__(self):
        words = [("read-only" if self._read_only else ""), ("closed" if self.closed else "")]
        state = ", ".join(word for word in words if word)
        return "<quiverdb.Database %r%s>" % (self._path, " (%s)" % state if state else "")
