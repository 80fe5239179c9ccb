"""Loads the C library, at its first use and never at import: a process that has
not loaded it may fork, and its children may use it."""

import os
import threading
from ctypes import CDLL, CFUNCTYPE, POINTER, byref, c_char, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_uint64, c_void_p, string_at

from . import _errors

ABI_VERSION = 1
WRITE_NO_SYNC = 1
SCAN_SORTED = 1
SCAN_KEYS_ONLY = 2
RESTORE_VERIFY = 1
CHECK_STRICT = 1

PROGRESS = CFUNCTYPE(c_int, c_void_p, c_uint64, c_uint64)

_BYTES = [c_char_p, c_size_t]
# name in quiverdb.h without qdb_: result, arguments. A string is c_void_p, for it
# has to be freed.
_FUNCTIONS = {
    "abi_version": (c_uint32, []),
    "last_error_json": (c_void_p, []),
    "free_string": (None, [c_void_p]),
    "init_db": (c_int, [c_char_p, c_uint32, c_uint32]),
    "open_with_config": (c_void_p, [c_char_p, c_char_p]),
    "open_ro_with_config": (c_void_p, [c_char_p, c_char_p]),
    "close": (None, [c_void_p]),
    "close_checked": (c_int, [c_void_p]),
    "has": (c_int, [c_void_p] + _BYTES),
    "delete": (c_int, [c_void_p] + _BYTES),
    "delete_prefix": (c_int, [c_void_p] + _BYTES + [POINTER(c_uint64)]),
    "count": (c_int, [c_void_p] + _BYTES + [POINTER(c_uint64)]),
    "write": (c_int, [c_void_p] + _BYTES + [c_uint32]),
    "sync": (c_int, [c_void_p]),
    "checkpoint": (c_int, [c_void_p]),
    "last_lsn": (c_int, [c_void_p, POINTER(c_uint64)]),
    "scan_open": (c_void_p, [c_void_p] + _BYTES + [c_uint32]),
    "scan_next": (c_int, [c_void_p, c_void_p, c_size_t, POINTER(c_size_t), POINTER(c_size_t)]),
    "scan_close": (c_int, [c_void_p]),
    "snapshot_begin": (c_void_p, [c_void_p]),
    "snapshot_open": (c_void_p, [c_void_p, c_char_p]),
    "snapshot_has": (c_int, [c_void_p] + _BYTES),
    "snapshot_count": (c_int, [c_void_p] + _BYTES + [POINTER(c_uint64)]),
    "snapshot_scan_open": (c_void_p, [c_void_p] + _BYTES + [c_uint32]),
    "snapshot_lsn": (c_int, [c_void_p, POINTER(c_uint64)]),
    "snapshot_id": (c_void_p, [c_void_p]),
    "snapshot_close": (c_int, [c_void_p]),
    "snapshots_json": (c_void_p, [c_void_p]),
    "snapshot_end": (c_int, [c_void_p, c_char_p]),
    "snapshot_remove": (c_int, [c_void_p, c_char_p]),
    "snapstore_compact_json": (c_void_p, [c_void_p]),
    "backup": (c_int, [c_void_p, c_char_p, c_int64, c_void_p, c_void_p, POINTER(c_uint64)]),
    "restore": (c_int, [c_char_p, c_char_p, c_uint32, c_void_p, c_void_p]),
    "check_json": (c_void_p, [c_char_p, c_uint32, c_void_p, c_void_p]),
    "stats_json": (c_void_p, [c_void_p]),
}
# Without argtypes a call takes half the time. These get every argument as bytes
# or as an object of ctypes that has the C type already.
_LEAN = ("put", "get_into", "snapshot_get_into")


class Library:
    """The functions of the library, as attributes without their prefix."""

    def __init__(self, path):
        # CDLL gives the interpreter lock away during each call.
        dll = CDLL(path)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = dll["qdb_" + name]
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)
        for name in _LEAN:
            setattr(self, name, dll["qdb_" + name])

    def error(self):
        """The exception of this thread's last failed call."""
        return _errors.from_json(self.take(self.last_error_json()))

    def take(self, pointer):
        """The text at a pointer, which is freed; None of NULL."""
        if not pointer:
            return None
        try:
            return string_at(pointer).decode("utf-8", "replace")
        finally:
            self.free_string(pointer)

    def text(self, pointer):
        """As take, where NULL means that the call failed."""
        if not pointer:
            raise self.error()
        return self.take(pointer)

    def done(self, result):
        """Passes the result of a call on, unless it says that the call failed."""
        if result < 0:
            raise self.error()
        return result

    def handle(self, number):
        if not number:
            raise self.error()
        return c_void_p(number)

    def number(self, function, *arguments):
        """Calls a function that gives a u64 by its last argument."""
        out = c_uint64()
        self.done(function(*(arguments + (byref(out),))))
        return out.value


class _State:
    def __init__(self):
        self.lock = threading.Lock()
        self.library = None
        self.loading = False  # from before dlopen on
        self.forked = False


_state = _State()


def _after_fork_in_child():
    # Half of a Go runtime is no better than a whole one whose threads are gone.
    _state.forked = _state.forked or _state.loading
    _state.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def path():
    """The file of the library: beside this one, or QUIVERDB_LIBRARY."""
    return os.environ.get("QUIVERDB_LIBRARY") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "libquiverdb.so")


def library():
    if _state.forked:
        raise _errors.fork_error()
    return _state.library or _load()


def _load():
    with _state.lock:
        if _state.library:
            return _state.library
        file = path()
        if not os.path.exists(file):
            raise _errors.LibraryError(
                "%s is not there: install the package with pip, or name a library in QUIVERDB_LIBRARY" % file
            )
        _state.loading = True
        try:
            made = Library(file)
        except (OSError, AttributeError) as err:
            advice = " (a Go library needs glibc: it cannot be loaded on musl)" if "initial-exec TLS" in str(err) else ""
            raise _errors.LibraryError("%s cannot be loaded: %s%s" % (file, err, advice)) from err
        if made.abi_version() != ABI_VERSION:
            raise _errors.LibraryError("%s speaks version %d of the interface, this package %d" % (file, made.abi_version(), ABI_VERSION))
        _state.library = made
        return made


class Sizes(dict):
    """size_t objects by their number; those of usual keys and values are kept."""

    def __missing__(self, n):
        return c_size_t(n)


SIZES = Sizes((n, c_size_t(n)) for n in range(1025))


class Buffers:
    """Memory that calls write into, lent to one call at a time.

    A list is the pool: its pop and append are atomic, and cheaper than a lock or
    a variable of the thread. A call that is interrupted just loses what it lent.
    """

    def __init__(self, size, largest):
        self.free = []
        self.size = size
        self.largest = largest

    def lend(self):
        """(buffer, its size, a length, a reference to that)"""
        try:
            return self.free.pop()
        except IndexError:
            return self.make(self.size)

    def make(self, size):
        # Few sizes, for each is a type that ctypes keeps.
        size = 1 << (size - 1).bit_length()
        length = c_size_t()
        return (c_char * size)(), c_size_t(size), length, byref(length)

    def give_back(self, lent):
        if lent[1].value <= self.largest:
            self.free.append(lent)


VALUES = Buffers(64 << 10, 1 << 20)
CHUNKS = Buffers(256 << 10, 1 << 20)
