"""python -m quiverdb beside the command quiverdb: same flags, same output, same exit codes."""

import json
import os
import subprocess
import sys

import quiverdb
from kit import Case, command
from quiverdb import Database


def ran(program, arguments, **more):
    done = subprocess.run(program + arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, **more)
    return done.returncode, done.stdout, done.stderr


def python(*arguments, **more):
    return ran([sys.executable, "-m", "quiverdb"], list(arguments), **more)


def both(*arguments, **more):
    """What both programs answer alike: exit code and standard output."""
    one, other = python(*arguments, **more), ran([command()], list(arguments), **more)
    if one[:2] != other[:2]:
        raise AssertionError("%s: %r instead of %r" % (arguments, one, other))
    if bool(one[2]) != bool(other[2]):
        raise AssertionError("%s: only one of them complains: %r, %r" % (arguments, one[2], other[2]))
    return one


class Commands(Case):
    def test_everyday(self):
        self.assertEqual(python("init", "--path", "db", "--page-size", "8192", "--buckets", "4")[0], 0)
        self.assertEqual(python("init", "--path", "db")[1], b"db is a database already\n")
        self.assertEqual(both("put", "--path", "db", "greeting", "hello"), (0, b"", b""))
        self.assertEqual(both("put", "--path", "db", "hex:00ff", "-", input=b"\0\1\2"), (0, b"", b""))
        with open("file", "wb") as file:
            file.write(b"\xff" * 10)
        self.assertEqual(both("put", "--path", "db", "@file", "@file")[0], 0)
        self.assertEqual(both("put", "--path", "db", "ünïcode", "tab\there")[0], 0)
        self.assertEqual(both("get", "--path", "db", "greeting"), (0, b"hello", b""))
        self.assertEqual(both("get", "--path", "db", "hex:00ff", "--raw")[1], b"\0\1\2")
        for options in (["--sorted"], ["--format", "hex"], ["--format", "json", "--sorted"], ["--json", "--sorted"], ["--prefix", "hex:00"]):
            self.assertEqual(both("scan", "--path", "db", *options)[0], 0)
        self.assertEqual(both("scan", "--path", "db", "--prefix", "none")[1], b"")
        self.assertEqual(both("scan", "--path", "db", "--prefix", "none", "--json")[1], b"[]\n")
        self.assertEqual(python("del", "--path", "db", "greeting"), (0, b"", b""))
        self.assertEqual(both("del", "--path", "db", "greeting")[0], 4)
        self.assertEqual(json.loads(python("stats", "--path", "db", "--json")[1])["pairs"], 3)
        self.assertIn(b"page_size        8192\n", python("stats", "--path", "db")[1])

    def test_backup_restore_check(self):
        with self.opened() as db:
            db.put(b"k", b"v")
        self.assertEqual(python("backup", "--path", "db", "--out", "full")[0], 0)
        lsn = json.loads(python("backup", "--path", "db", "--out", "again", "--json")[1])["lsn"]
        python("put", "--path", "db", "new", "1")
        self.assertEqual(python("backup", "--path", "db", "--out", "more", "--since-lsn", str(lsn))[0], 0)
        self.assertEqual(python("restore", "--path", "copy", "--from", "full", "--verify")[0], 0)
        self.assertEqual(python("restore", "--path", "copy", "--from", "more")[0], 0)
        self.assertEqual(both("scan", "--path", "copy", "--format", "hex")[1], b"6b 76\n6e6577 31\n")
        self.assertEqual(python("check", "--path", "copy", "--strict")[0], 0)
        self.assertEqual(json.loads(python("check", "--path", "copy", "--json")[1])["pairs"], 2)

    def test_snapshots(self):
        with self.opened(snap_persist=True) as db:
            db.put(b"k", b"v")
            ids = [db.snapshot().id, db.snapshot().id]
            db.end_snapshot(ids[0])
        self.assertEqual([s["id"] for s in json.loads(both("snapshots", "--path", "db", "--json")[1])], ids)
        self.assertEqual(both("snapshots", "--path", "db")[1].count(b"\n"), 2)


class ExitCodes(Case):
    def code(self, expected, *arguments, **more):
        code, out, err = both(*arguments, **more)
        self.assertEqual((code, out), (expected, b""), err)
        self.assertTrue(err.startswith(b"quiverdb: ") or expected == 2, err)

    def test_of_wrong_use(self):
        self.made()
        for arguments in (
            ["nonsense"], ["get"], ["get", "--path", "db"], ["put", "--path", "db", "k"], ["get", "--path", "db", "hex:5"],
            ["put", "--path", "db", "-", "-"], ["put", "--path", "db", "k", "@absent"], ["put", "--path", "db", "k" * 5000, "v"],
            ["scan", "--path", "db", "--format", "xml"], ["scan", "--path", "db", "--json", "--format", "hex"],
            ["init", "--path", "new", "--page-size", "1000"], ["init", "--path", "new", "--buckets", "0"],
        ):  # fmt: skip
            with self.subTest(arguments):
                self.code(2, *arguments, input=b"")
        self.code(2, "get", "--path", "db", "k", env=dict(os.environ, P1_PAGE_CACHE_PAGES="many"))

    def test_of_failures(self):
        self.opened().close()
        os.mkdir("empty")
        self.code(4, "get", "--path", "db", "missing")
        self.code(4, "del", "--path", "db", "missing")
        for path in ("absent", "empty"):
            for arguments in (["get", "k"], ["put", "k", "v"], ["scan"], ["stats"], ["check"]):
                self.code(10, arguments[0], "--path", path, *arguments[1:])
        Database.open("db").backup("full")
        self.code(1, "restore", "--path", "db", "--from", "full")
        os.remove("full/manifest.json")
        self.code(10, "restore", "--path", "new", "--from", "full")

    def test_of_locks(self):
        self.opened()
        one = subprocess.Popen([sys.executable, "-m", "quiverdb", "get", "--path", "db", "k"], stderr=subprocess.PIPE)
        self.assertEqual(python("put", "--path", "db", "k", "v")[0], 11)
        self.assertIn(b"locked", one.communicate(timeout=30)[1])
        self.assertEqual(one.returncode, 11)

    def test_of_damage(self):
        with self.opened() as db:
            db.put(b"k", b"value" * 20)
        with open("db/data-000001.p1seg", "r+b") as file:
            content = file.read()
            file.seek(content.index(b"value"))
            file.write(b"V")
        self.assertEqual(python("get", "--path", "db", "k")[0], 12)
        code, out, err = python("check", "--path", "db")
        self.assertEqual((code, err), (3, b""))
        self.assertIn(b"data-000001.p1seg", out)
        with open("db/meta", "r+b") as file:
            file.write(b"x" * 40)
        self.code(12, "get", "--path", "db", "k")

    def test_errors_as_json(self):
        code, out, err = both("get", "--path", "absent", "k", "--json")
        told = json.loads(err)
        self.assertEqual((told["type"], told["code"], told["kind"]), ("error", 10, "no_database"))
        self.assertEqual((out, err.count(b"\n")), (b"", 1))

    def test_of_an_interrupt(self):
        self.opened()
        waiting = subprocess.Popen(
            [sys.executable, "-c", "import threading, os, time, sys\nfrom quiverdb._cli import main\n"
             "threading.Timer(0.5, os.kill, (os.getpid(), 2)).start()\nsys.exit(main(['get', '--path', 'db', 'k']))"],
            stderr=subprocess.PIPE,
        )  # fmt: skip
        self.assertEqual(waiting.communicate(timeout=30)[1], b"quiverdb: interrupted\n")
        self.assertEqual(waiting.returncode, 130)

    def test_a_reader_that_has_enough(self):
        with self.opened() as db, db.batch() as batch:
            batch.update({b"%d" % i: b"v" * 1000 for i in range(2000)})
        scan = subprocess.Popen(
            [sys.executable, "-m", "quiverdb", "scan", "--path", "db"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        scan.stdout.readline()
        scan.stdout.close()
        self.assertEqual(scan.stderr.read(), b"")
        scan.stderr.close()
        self.assertEqual(scan.wait(30), 1)

    def test_without_a_command(self):
        code, out, err = python()
        self.assertEqual((code, err), (0, b""))
        self.assertIn(b"Exit codes", out)

    def test_init_where_another_is(self):
        self.made(buckets=16)
        self.assertEqual(both("init", "--path", "db")[0], 0)
        self.assertEqual(python("init", "--path", "db", "--buckets", "16", "--page-size", "4096")[0], 0)
        for other in (["--buckets", "17"], ["--page-size", "8192"]):
            self.code(1, "init", "--path", "db", *other)

    def test_version(self):
        self.assertEqual(python("--version")[:2], (0, b"quiverdb %s\n" % quiverdb.version.encode()))
