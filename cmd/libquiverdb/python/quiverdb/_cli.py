"""python -m quiverdb: the everyday commands, with the flags, output and exit
codes of the command quiverdb."""

import argparse
import errno
import json
import os
import sys
from datetime import datetime, timezone

from . import _errors, _version
from ._database import Database

DONE, FAILED, USAGE, FINDINGS, KEY_NOT_FOUND = 0, 1, 2, 3, 4
NO_DATABASE, LOCKED, CORRUPT, READ_ONLY, FULL, INTERRUPTED = 10, 11, 12, 13, 14, 130

_CODES = (
    (_errors.NotFound, KEY_NOT_FOUND),
    (_errors.NoDatabase, NO_DATABASE),
    (_errors.Incomplete, NO_DATABASE),
    (_errors.Locked, LOCKED),
    (_errors.Corruption, CORRUPT),
    (_errors.Full, FULL),
    (PermissionError, READ_ONLY),
    (_errors.TooLarge, USAGE),
    (_errors.Invalid, USAGE),
)


class Usage(Exception):
    """A mistake in what the user gave."""


def main(arguments=None):
    parser = _parser()
    given = parser.parse_args(arguments)
    if not hasattr(given, "command"):
        parser.print_help()
        return DONE
    try:
        code = given.command(given)
        sys.stdout.flush()
        return code
    except Usage as err:
        return _told(given, USAGE, "usage", err)
    except BrokenPipeError:
        # Whoever read has read enough. Nothing more may be flushed at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (_errors.Error, OSError) as err:
        return _told(given, _code(err), getattr(err, "kind", "failed"), err)
    except KeyboardInterrupt:
        return _told(given, INTERRUPTED, "interrupted", "interrupted")


def _code(err):
    if isinstance(err, OSError) and err.errno in (errno.ENOSPC, errno.EDQUOT):
        return FULL
    return next((code for cls, code in _CODES if isinstance(err, cls)), FAILED)


def _told(given, code, kind, err):
    message = str(err)
    if isinstance(err, OSError) and isinstance(err, _errors.Error):
        message = err.strerror  # without the number, which the library's message has in words
    if given.json:
        line = json.dumps({"type": "error", "code": code, "kind": kind, "message": message, "hint": ""})
    else:
        line = "quiverdb: " + message
    sys.stderr.write(line + "\n")
    return code


def _positive(text):
    if not int(text) > 0:
        raise ValueError
    return int(text)


def _bytes(text):
    """The text itself, hex:..., @FILE, or - for standard input."""
    if text == "-":
        return sys.stdin.buffer.read()
    try:
        if text.startswith("hex:"):
            return bytes.fromhex(text[4:])
        if text.startswith("@"):
            with open(text[1:], "rb") as file:
                return file.read()
    except (ValueError, OSError) as err:
        raise Usage("%s: %s" % (text, err))
    return os.fsencode(text)


def _line(data):
    """Bytes in the notation that _bytes reads, on one line."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "hex:" + data.hex()
    plain = text.isprintable() and text != "-" and not text.startswith(("@", "hex:"))
    return text if plain else "hex:" + data.hex()


def _result(value):
    print(json.dumps(value, indent=2))
    return DONE


def _init(given):
    made = not os.path.exists(os.path.join(given.path, "meta"))
    Database.init_db(given.path, given.page_size or 4096, given.buckets or 128)
    if not made and (given.page_size or given.buckets):
        with Database.open_ro(given.path) as db:
            has = db.stats()["page_size"], db.stats()["buckets"]
        if has != (given.page_size or has[0], given.buckets or has[1]):
            text = "%s has pages of %d bytes and %d buckets, which stay as they are" % ((given.path,) + has)
            raise _errors.Exists(errno.EEXIST, text)
    if given.json:
        return _result({"path": given.path, "created": made})
    print("%s is a %s" % (given.path, "new database" if made else "database already"))
    return DONE


def _get(given):
    key = _bytes(given.key)
    with Database.open_ro(given.path) as db:
        value = db.get(key)
    if value is None:
        return _told(given, KEY_NOT_FOUND, "key_not_found", "key not found: " + _line(key))
    if given.json:
        return _result({"key_hex": key.hex(), "value_hex": value.hex(), "value_len": len(value)})
    if sys.stdout.isatty() and not given.raw:
        print(_line(value))
    else:
        sys.stdout.buffer.write(value)
    return DONE


def _put(given):
    if given.key == "-" == given.value:
        raise Usage("standard input can be read only once")
    key, value = _bytes(given.key), _bytes(given.value)
    with Database.open(given.path) as db:
        db.put(key, value)
        lsn = db.last_lsn()
    return _result({"key_hex": key.hex(), "value_len": len(value), "last_lsn": lsn}) if given.json else DONE


def _del(given):
    key = _bytes(given.key)
    with Database.open(given.path) as db:
        existed = db.delete(key)
        lsn = db.last_lsn()
    if not existed:
        return _told(given, KEY_NOT_FOUND, "key_not_found", "key not found: " + _line(key))
    return _result({"key_hex": key.hex(), "deleted": True, "last_lsn": lsn}) if given.json else DONE


def _object(key, value):
    pair = {"key_hex": key.hex(), "value_hex": value.hex(), "key_len": len(key), "value_len": len(value)}
    return json.dumps(pair, separators=(",", ":"))


def _scan(given):
    if given.json and given.format not in (None, "json"):
        raise Usage("--json and --format %s exclude each other" % given.format)
    forms = {
        "text": lambda key, value: "%s\t%s" % (_line(key), _line(value)),
        "hex": lambda key, value: "%s %s" % (key.hex(), value.hex()),
        "json": _object,
    }
    form = forms["json" if given.json else given.format or "text"]
    before, between, after = ("[", ",\n", "]\n") if given.json else ("", "\n", "")
    prefix = _bytes(given.prefix)
    with Database.open_ro(given.path) as db, db.scan(prefix, given.sorted or given.format == "hex") as pairs:
        write = sys.stdout.write
        write(before)
        first = True
        for key, value in pairs:
            write(form(key, value) if first else between + form(key, value))
            first = False
        write(after if given.json or first else "\n")
    return DONE


def _stats(given):
    with Database.open_ro(given.path) as db:
        figures = dict(db.stats(), pairs=len(db))
    if given.json:
        return _result(figures)
    for name, figure in figures.items():
        print("%-16s %s" % (name, figure))
    return DONE


def _backup(given):
    with Database.open_ro(given.path) as db:
        lsn = db._backup(given.out, given.since_lsn)
    if given.json:
        return _result({"lsn": lsn, "since": given.since_lsn})
    print("backed up lsn %d" % lsn)
    return DONE


def _restore(given):
    Database._restore(given.path, given.source, given.verify)
    if given.json:
        return _result({"path": given.path})
    print("restored %s" % given.path)
    return DONE


def _check(given):
    report = Database.check(given.path, given.strict)
    findings = report["findings"] or []
    if given.json:
        _result(report)
    else:
        for finding in findings:
            print("%(severity)s: %(file)s: %(message)s" % finding)
        print("%d pages, %d pairs: %d findings" % (report["pages"], report["pairs"], len(findings)))
    return FINDINGS if findings else DONE


def _snapshots(given):
    with Database.open_ro(given.path) as db:
        found = db.snapshots()
    if given.json:
        return _result([snapshot._asdict() for snapshot in found])
    for one in found:
        began = datetime.fromtimestamp(one.ts_nanos // 10**9, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        print("%s  lsn %d  %s  %s" % (one.id, one.lsn, began, "ended" if one.ended else "protected"))
    return DONE


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m quiverdb",
        description="Work on a QuiverDB database.",
        epilog="A key or a value is the text itself, hex:... for bytes in hexadecimal, @FILE for the content of a file, or - for "
        "standard input. Exit codes: 0 done, 1 failed, 2 wrong use, 3 done with findings (check), 4 key not found, 10 no database, "
        "11 locked, 12 corrupt, 13 read-only or no permission, 14 full, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version="quiverdb " + _version.__version__)
    commands = parser.add_subparsers(metavar="COMMAND")

    def command(name, function, text, *arguments):
        added = commands.add_parser(name, help=text, description=text + ".")
        added.add_argument("--path", required=True, help="folder of the database")
        added.add_argument("--json", action="store_true", help="results and errors as JSON")
        added.set_defaults(command=function)
        for names, options in arguments:
            added.add_argument(*names, **options)

    def argument(*names, **options):
        return names, options

    key = argument("key", metavar="KEY")
    command(
        "init", _init, "Make a database, unless it is there",
        argument("--page-size", type=_positive, help="4096, 8192, 16384 or 32768 (4096)"),
        argument("--buckets", type=_positive, help="number of buckets (128)"),
    )  # fmt: skip
    command("get", _get, "Print the value of a key", key, argument("--raw", action="store_true", help="the bytes alone, on a terminal too"))
    command("put", _put, "Set the value of a key", key, argument("value", metavar="VALUE"))
    command("del", _del, "Delete a key", key)
    command(
        "scan", _scan, "Print keys and values",
        argument("--prefix", default="", help="only keys that begin with this"),
        argument("--sorted", action="store_true", help="sort by key"),
        argument("--format", choices=("text", "hex", "json"), help="text, hex (sorted) or json (an object a line)"),
    )  # fmt: skip
    command("stats", _stats, "Show figures")
    command(
        "backup", _backup, "Copy a database as of one moment, whole or since an LSN",
        argument("--out", required=True, help="folder of the backup"),
        argument("--since-lsn", type=int, help="only what changed after this LSN"),
    )  # fmt: skip
    command(
        "restore", _restore, "Make a database of a backup",
        argument("--from", dest="source", required=True, help="folder of the backup"),
        argument("--verify", action="store_true", help="check the result strictly"),
    )  # fmt: skip
    command("check", _check, "Read everything and list what is wrong", argument("--strict", action="store_true", help="what is only unusual too"))
    command("snapshots", _snapshots, "List the persisted snapshots")
    return parser
