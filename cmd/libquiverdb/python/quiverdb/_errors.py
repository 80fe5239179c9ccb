"""The exceptions: one base, and the built-in ones that fit beside it."""

import errno as _errno
import json


class Error(Exception):
    """Every exception of this package.

    code and kind are those of the library (0 and the class's own name for what
    the package found by itself). What is known of the place stands in path, page,
    offset and reason, who has a lock in holder; what is not known is None.
    """

    code = 0
    kind = "error"
    path = None
    page = None
    offset = None
    reason = None
    holder = None


class NotFound(Error, KeyError):
    """The key is not there."""

    kind = "key_not_found"


class SnapshotNotFound(Error, KeyError):
    """No snapshot has this id."""

    kind = "no_snapshot"

    def __str__(self):  # KeyError would put the message in quotes
        return str(self.args[0]) if self.args else ""


class SnapshotGone(Error, LookupError):
    """A page of the snapshot is not to be had any more."""

    kind = "snapshot_gone"


class Invalid(Error, ValueError):
    """An argument, an option or a variable of the environment has no meaning."""

    kind = "invalid"


class TooLarge(Error, ValueError):
    """A key, value or batch above its limit. Nothing was changed."""

    kind = "too_large"


class Closed(Error, ValueError):
    """The database, snapshot or scan was closed."""

    kind = "closed"


class Corruption(Error):
    """The files contradict their checksums or each other; path, page, offset and reason say where."""

    kind = "corrupt"

    @property
    def file(self):
        return self.path


class Incompatible(Error):
    """A format that is unknown here, or a backup that does not fit the database."""

    kind = "incompatible"


class Busy(Error, RuntimeError):
    """The database looks for orphaned pages; try again later."""

    kind = "busy"


class Canceled(Error, RuntimeError):
    """The work was ended before it was done, for example because the database was closed."""

    kind = "canceled"


class ForkError(Error, RuntimeError):
    """This process was forked after the library had been loaded, and cannot use it."""

    kind = "forked"


class InternalError(Error, RuntimeError):
    """A mistake in the library. The call may have done its work or not."""

    kind = "internal"


class OutOfMemory(Error, MemoryError):
    """There is not enough memory."""

    kind = "no_memory"


class LibraryError(Error, ImportError):
    """The C library cannot be loaded."""

    kind = "library"


class DiskError(Error, OSError):
    """The system failed; errno says how."""

    kind = "io"


class NoDatabase(DiskError, FileNotFoundError):
    """The folder holds no database."""

    kind = "no_database"


class PathNotFound(DiskError, FileNotFoundError):
    """A file or folder is not there."""

    kind = "not_found"


class Incomplete(DiskError):
    """An init, restore or backup was interrupted: run it again."""

    kind = "incomplete"


class Exists(DiskError, FileExistsError):
    """A database or backup is there already."""

    kind = "exists"


class Locked(DiskError, BlockingIOError):
    """Another handle, of this or another process, has the lock; holder tells whose."""

    kind = "locked"


class NoPermission(DiskError, PermissionError):
    """The system does not allow it."""

    kind = "permission"


class ReadOnly(DiskError, PermissionError):
    """A write through a read-only handle, or on a read-only disk."""

    kind = "read_only"


class Full(DiskError):
    """No space left. Nothing was changed, and the handle works on; deletes work on a full disk too."""

    kind = "full"


class Poisoned(DiskError):
    """A write or sync failed before: nothing is known of the disk until the database is opened again."""

    kind = "poisoned"


# By the library's codes; what is missing here is an Error. The number is the errno
# where the system gave none.
_CLASSES = {
    1: (InternalError, 0),
    2: (Invalid, 0),
    3: (Closed, 0),
    4: (NoDatabase, _errno.ENOENT),
    5: (Incomplete, _errno.EIO),
    6: (Exists, _errno.EEXIST),
    7: (Locked, _errno.EAGAIN),
    8: (ReadOnly, _errno.EROFS),
    9: (Corruption, 0),
    10: (Incompatible, 0),
    11: (Full, _errno.ENOSPC),
    12: (TooLarge, 0),
    13: (Poisoned, _errno.EIO),
    14: (SnapshotGone, 0),
    15: (SnapshotNotFound, 0),
    16: (Canceled, 0),
    17: (Busy, 0),
    18: (DiskError, _errno.EIO),
    19: (NoPermission, _errno.EACCES),
    20: (PathNotFound, _errno.ENOENT),
    21: (ForkError, 0),
    22: (OutOfMemory, 0),
}

FORKED = 21
_NO_PAGE = 2**64 - 1
_FORK_ADVICE = (
    "this process was forked after QuiverDB had been loaded, and a Go library does not survive a fork: "
    "open the database only after the fork, or use multiprocessing.get_context('spawn') or 'forkserver'"
)


def from_json(text):
    """The exception that the library's account of a failure stands for."""
    if not text:
        return InternalError("the library failed and does not say why")
    told = json.loads(text)
    code = told.get("code", 0)
    if code == FORKED:
        return fork_error()
    cls, number = _CLASSES.get(code, (Error, 0))
    message = told.get("message", "")
    made = cls(told.get("errno") or number, message) if issubclass(cls, OSError) else cls(message)
    made.code = code
    made.kind = told.get("kind", cls.kind)
    for name in ("path", "page", "offset", "reason", "holder"):
        setattr(made, name, told.get(name))
    if made.page == _NO_PAGE:
        made.page = None
    if made.offset is not None and made.offset < 0:
        made.offset = None
    return made


def fork_error():
    made = ForkError(_FORK_ADVICE)
    made.code = FORKED
    return made
