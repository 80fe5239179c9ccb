"""What callers may give for bytes, paths and numbers."""

import operator
import os

from ._errors import Invalid


def as_bytes(given, what):
    """Bytes of anything that has the buffer protocol; never a number or a text."""
    if isinstance(given, str):
        raise TypeError("a %s is bytes, not str: encode it, for example with .encode()" % what)
    try:
        view = memoryview(given)
    except TypeError:
        raise TypeError("a %s is bytes or another bytes-like object, not %s" % (what, type(given).__name__)) from None
    return view.tobytes()


def as_path(given):
    """A path as the system has it."""
    path = os.fsencode(given)
    if b"\0" in path:
        raise Invalid("a path cannot hold a NUL byte: %r" % (given,))
    return path


def as_u32(given, what):
    number = operator.index(given)
    if not 0 <= number < 1 << 32:
        raise Invalid("%s is out of range: %d" % (what, number))
    return number


def as_text(given, what):
    if not isinstance(given, str):
        raise TypeError("%s is a str, not %s" % (what, type(given).__name__))
    if "\0" in given:
        raise Invalid("%s cannot hold a NUL character" % what)
    return given.encode("utf-8", "replace")


def as_bool(given, what):
    if not isinstance(given, bool):
        raise TypeError("%s is True, False or None, not %r" % (what, given))
    return given


def as_count(given, what):
    if isinstance(given, bool):
        raise TypeError("%s is a number or None, not %r" % (what, given))
    return operator.index(given)


def as_folder(given, what):
    """A path that stands in a JSON text, which knows no bytes."""
    path = os.fsdecode(given)
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        raise Invalid("%s is not UTF-8: %r" % (what, path)) from None
    return path
