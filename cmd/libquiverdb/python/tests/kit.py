"""What the tests have in common."""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from quiverdb import Database

FOLDER = Path(__file__).resolve().parent.parent


def checkout():
    named = os.environ.get("QUIVERDB_CHECKOUT")
    return Path(named) if named else FOLDER.parent.parent.parent


class Case(unittest.TestCase):
    """A test with a folder of its own, which is the current one meanwhile."""

    def setUp(self):
        self.before = os.getcwd()
        self.folder = tempfile.mkdtemp(prefix="quiverdb-test")
        os.chdir(self.folder)
        self.addCleanup(self.leave)

    def leave(self):
        os.chdir(self.before)
        shutil.rmtree(self.folder, ignore_errors=True)

    def made(self, path="db", buckets=16, page_size=4096):
        """The path of a new database."""
        Database.init_db(path, page_size, buckets)
        return path

    def opened(self, path="db", **options):
        """An open new database, closed after the test. Without the second sync tests take half the time."""
        self.made(path)
        db = Database.open(path, **dict({"data_fsync": False}, **options))
        self.addCleanup(db.close)
        return db


def script(source, *arguments, **more):
    """Runs Python in a process of its own and gives what it wrote. It fails on
    another exit code than code, and after a time limit, in seconds."""
    code, limit = more.pop("code", 0), more.pop("limit", 60)
    process = started(source, *arguments, **more)
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError("still running after %d s:\n%s%s" % (limit, out, err))
    if process.returncode != code:
        raise AssertionError("exit code %d instead of %d:\n%s%s" % (process.returncode, code, out, err))
    return Output(out, err)


class Output(str):
    """Standard output; standard error is the attribute err."""

    def __new__(cls, out, err):
        self = str.__new__(cls, out)
        self.err = err
        return self


def started(source, *arguments, **more):
    return subprocess.Popen(
        [sys.executable, "-c", source] + [str(a) for a in arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, **more
    )  # fmt: skip


_built = []


def command():
    """The binary quiverdb: QUIVERDB_COMMAND, or built once."""
    named = os.environ.get("QUIVERDB_COMMAND")
    if named:
        return named
    if not _built:
        folder = tempfile.mkdtemp(prefix="quiverdb-command")
        atexit.register(shutil.rmtree, folder, True)
        binary = os.path.join(folder, "quiverdb")
        subprocess.run(["go", "build", "-o", binary, "./cmd/quiverdb"], cwd=str(checkout()), check=True)
        _built.append(binary)
    return _built[0]


def quiverdb(*arguments, **more):
    """Runs the command line and gives the bytes that it wrote."""
    code = more.pop("code", 0)
    done = subprocess.run([command()] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, **more)
    if done.returncode != code:
        raise AssertionError("quiverdb %s: exit code %d instead of %d: %r" % (arguments[0], done.returncode, code, done.stderr))
    return done.stdout


def memory():
    """Bytes that this process has in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def handles():
    return len(os.listdir("/proc/self/fd"))


class HardLimit:
    """Kills this process when the block takes longer: a hang that holds the
    interpreter lock is not to be ended otherwise."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(self.seconds)

    def __exit__(self, *_):
        signal.alarm(0)
