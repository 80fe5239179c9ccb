"""QuiverDB: an embedded key-value database in one folder.

    from quiverdb import Database

    Database.init_db("./db", 4096, 128)
    with Database.open("./db") as db:
        db.put(b"alpha", b"1")
        print(db.get(b"alpha"))

Importing this package loads no library: that happens at the first use.
"""

from ._batch import Batch
from ._database import Database
from ._errors import (
    Busy,
    Canceled,
    Closed,
    Corruption,
    DiskError,
    Error,
    Exists,
    ForkError,
    Full,
    Incompatible,
    Incomplete,
    InternalError,
    Invalid,
    LibraryError,
    Locked,
    NoDatabase,
    NoPermission,
    NotFound,
    OutOfMemory,
    PathNotFound,
    Poisoned,
    ReadOnly,
    SnapshotGone,
    SnapshotNotFound,
    TooLarge,
)
from ._scan import Scan
from ._snapshot import Snapshot, SnapshotInfo
from ._version import __version__

version = __version__

__all__ = [
    "Batch",
    "Busy",
    "Canceled",
    "Closed",
    "Corruption",
    "Database",
    "DiskError",
    "Error",
    "Exists",
    "ForkError",
    "Full",
    "Incompatible",
    "Incomplete",
    "InternalError",
    "Invalid",
    "LibraryError",
    "Locked",
    "NoDatabase",
    "NoPermission",
    "NotFound",
    "OutOfMemory",
    "PathNotFound",
    "Poisoned",
    "ReadOnly",
    "Scan",
    "Snapshot",
    "SnapshotGone",
    "SnapshotInfo",
    "SnapshotNotFound",
    "TooLarge",
    "version",
    "__version__",
]
