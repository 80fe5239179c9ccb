"""Every exception, and how it comes about where a test can bring it about."""

import errno
import json
import os
import pickle
import re
import threading
import unittest

import quiverdb
from kit import Case, checkout, script
from quiverdb import Database, _errors


class Tree(unittest.TestCase):
    """Built-in classes that programs catch which know nothing of this package."""

    NATURAL = {
        "NotFound": KeyError, "SnapshotNotFound": KeyError, "SnapshotGone": LookupError, "Invalid": ValueError,
        "TooLarge": ValueError, "Closed": ValueError, "Busy": RuntimeError, "Canceled": RuntimeError,
        "ForkError": RuntimeError, "InternalError": RuntimeError, "OutOfMemory": MemoryError, "LibraryError": ImportError,
        "DiskError": OSError, "NoDatabase": FileNotFoundError, "PathNotFound": FileNotFoundError, "Incomplete": OSError,
        "Exists": FileExistsError, "Locked": BlockingIOError, "NoPermission": PermissionError, "ReadOnly": PermissionError,
        "Full": OSError, "Poisoned": OSError, "Corruption": Exception, "Incompatible": Exception,
    }  # fmt: skip

    def test_bases(self):
        for name, natural in self.NATURAL.items():
            with self.subTest(name):
                self.assertTrue(issubclass(getattr(quiverdb, name), (quiverdb.Error)))
                self.assertTrue(issubclass(getattr(quiverdb, name), natural))

    def test_all_are_public(self):
        defined = {n for n, v in vars(_errors).items() if isinstance(v, type) and issubclass(v, quiverdb.Error)}
        self.assertEqual(defined, set(self.NATURAL) | {"Error"})
        self.assertLessEqual(defined, set(quiverdb.__all__))

    def test_every_code_of_the_header_has_a_class_of_its_kind(self):
        header = (checkout() / "cmd/libquiverdb/quiverdb.h").read_text()
        codes = re.findall(r'QDB_ERR_\w+ = (\d+),?\s*/\* "(\w+)"', header)
        self.assertGreater(len(codes), 20)
        for code, kind in codes:
            made = _errors.from_json(json.dumps({"code": int(code), "kind": kind, "message": "what happened"}))
            with self.subTest(kind):
                self.assertIsNot(type(made), quiverdb.Error)
                self.assertEqual((type(made).kind, made.code), (kind, int(code)))
                if kind != "forked":
                    self.assertIn("what happened", str(made))
                if isinstance(made, OSError):
                    self.assertGreater(made.errno, 0)
                    self.assertEqual(made.strerror, "what happened")

    def test_unknown_codes_are_errors_too(self):
        made = _errors.from_json('{"code": 9999, "kind": "of_tomorrow", "message": "m"}')
        self.assertEqual((type(made), made.kind), (quiverdb.Error, "of_tomorrow"))
        self.assertIsInstance(_errors.from_json(None), quiverdb.InternalError)

    def test_errno_is_that_of_the_system_where_it_is_known(self):
        for told, expected in (('"errno": 122, ', 122), ("", errno.ENOSPC)):
            made = _errors.from_json('{%s"code": 11, "message": "m"}' % told)
            self.assertEqual((made.errno, made.strerror), (expected, "m"))

    def test_they_travel_between_processes(self):
        told = {"code": 9, "kind": "corrupt", "message": "m", "path": "f", "page": 2**64 - 1, "offset": -1, "reason": "r"}
        for made in (_errors.from_json(json.dumps(told)), _errors.from_json('{"code": 11, "message": "m", "errno": 122}')):
            copy = pickle.loads(pickle.dumps(made))
            self.assertEqual((type(copy), copy.args, vars(copy)), (type(made), made.args, vars(made)))
            self.assertEqual((made.page, made.offset), (None, None))


class Arguments(Case):
    def test_init(self):
        for page_size, buckets in ((1000, 16), (-1, 16), (4096, -1), (4096, 1 << 32), (1 << 40, 1), (4096, (1 << 24) + 1)):
            with self.subTest(page_size=page_size, buckets=buckets), self.assertRaises(quiverdb.Invalid):
                Database.init_db("db", page_size, buckets)
        with self.assertRaises(TypeError):
            Database.init_db("db", 4096.0, 1)
        self.assertFalse(os.path.exists("db"))

    def test_paths(self):
        for do in (
            lambda path: Database.init_db(path, 4096, 1), Database.open, Database.open_ro, Database.check,
            lambda path: Database.restore(path, "x"), lambda path: Database.restore("x", path), self.opened().backup,
        ):  # fmt: skip
            with self.assertRaises(quiverdb.Invalid):
                do("nul\0byte")
            with self.assertRaises(TypeError):
                do(5)
            with self.assertRaises(TypeError):
                do(None)

    def test_since(self):
        db = self.opened()
        for wrong in (-1, 1 << 63):
            with self.assertRaises(quiverdb.Invalid):
                db.backup("full", wrong)
        with self.assertRaises(TypeError):
            db.backup("full", "5")
        self.assertFalse(os.path.exists("full"))

    def test_too_large(self):
        db = self.opened()
        with self.assertRaises(quiverdb.TooLarge) as caught:
            db.put(b"k" * 4096, b"v")
        self.assertIsInstance(caught.exception, ValueError)
        self.assertEqual(caught.exception.kind, "too_large")
        with self.assertRaises(quiverdb.TooLarge):
            db.put(b"k", bytes(300 << 20))
        with self.assertRaises(quiverdb.TooLarge):
            db.put(b"k" * 100000, b"")
        self.assertEqual(db.scan_all(), [])


class Opening(Case):
    def test_no_database(self):
        os.mkdir("empty")
        for path in ("absent", "empty"):
            for do in (Database.open, Database.open_ro, Database.check):
                with self.subTest(path=path, do=do), self.assertRaises(quiverdb.NoDatabase) as caught:
                    do(path)
                self.assertEqual(caught.exception.errno, errno.ENOENT)
                self.assertIsInstance(caught.exception, FileNotFoundError)
        self.assertEqual(os.listdir("."), ["empty"])

    def test_locked(self):
        self.opened()
        caught = []

        def attempt(do):
            try:
                do("db")
            except quiverdb.Locked as err:
                caught.append(err)

        # Both wait out their time at once.
        threads = [threading.Thread(target=attempt, args=(do,)) for do in (Database.open, Database.open_ro)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(caught), 2)
        for err in caught:
            self.assertIsInstance(err, BlockingIOError)
            self.assertIn("pid %d" % os.getpid(), err.holder)
            self.assertTrue(err.path.endswith("LOCK"), err.path)

    def test_no_permission(self):
        self.opened().close()
        os.chmod(self.folder, 0o755)
        os.chmod("db", 0)
        self.addCleanup(os.chmod, os.path.join(self.folder, "db"), 0o755)
        out = script(
            "import os, sys, quiverdb\n"
            "if os.getuid() == 0:\n"  # whom permissions do not concern
            "    quiverdb._lib.library(); os.setuid(65534)\n"
            "try: quiverdb.Database.open('db')\n"
            "except PermissionError as err: print(type(err).__name__, err.errno)"
        )
        self.assertEqual(out.split(), ["NoPermission", str(errno.EACCES)])

    def test_incompatible_backup(self):
        db = self.opened()
        db.put(b"a", b"1")
        db.backup("incremental", since_lsn=db.last_lsn() - 1)
        other = self.made("other")
        with self.assertRaises(quiverdb.Incompatible):
            Database.restore(other, "incremental")

    def test_incomplete_backup(self):
        self.opened().backup("full")
        os.remove("full/manifest.json")
        with self.assertRaises(quiverdb.Incomplete):
            Database.restore("copy", "full")

    def test_no_backup(self):
        with self.assertRaises((quiverdb.PathNotFound, quiverdb.Incomplete)):
            Database.restore("copy", "absent")

    def test_exists(self):
        db = self.opened()
        db.backup("full")
        for do in (lambda: db.backup("full"), lambda: Database.restore(self.made("other"), "full")):
            with self.assertRaises(quiverdb.Exists) as caught:
                do()
            self.assertEqual(caught.exception.errno, errno.EEXIST)


class Using(Case):
    def test_closed(self):
        db = self.opened()
        snapshot = db.snapshot()
        batch = db.batch()
        db.close()
        for do in (
            lambda: db.put(b"k", b"v"), lambda: db.get(b"k"), lambda: db.has(b"k"), lambda: db.delete(b"k"), db.scan_all, db.scan,
            lambda: db.scan_prefix(b"k"), lambda: db.delete_prefix(b"k"), lambda: len(db), lambda: list(db), db.sync, db.checkpoint,
            db.last_lsn, db.stats, db.snapshot, db.snapshots, lambda: db.open_snapshot("x"), lambda: db.end_snapshot("x"),
            lambda: db.remove_snapshot("x"), db.compact_snapstore, lambda: db.backup("full"), batch.write,
            lambda: snapshot.get(b"k"), lambda: snapshot.has(b"k"), snapshot.scan, lambda: snapshot.lsn, lambda: len(snapshot),
        ):  # fmt: skip
            with self.subTest(do=do), self.assertRaises(quiverdb.Closed) as caught:
                do()
            self.assertIsInstance(caught.exception, ValueError)
        self.assertFalse(os.path.exists("full"))

    def test_read_only(self):
        with self.opened() as db:
            db.put(b"k", b"v")
        with Database.open_ro("db") as db:
            for do in (
                lambda: db.put(b"k", b"w"), lambda: db.delete(b"k"), lambda: db.delete_prefix(b""), lambda: db.mapping.clear(),
                lambda: db.remove_snapshot("x"), lambda: db.end_snapshot("x"), db.compact_snapstore,
            ):  # fmt: skip
                with self.subTest(do=do), self.assertRaises(quiverdb.ReadOnly) as caught:
                    do()
                self.assertIsInstance(caught.exception, PermissionError)
            self.assertEqual(db.scan_all(), [(b"k", b"v")])

    def test_corruption(self):
        with self.opened() as db, db.batch() as batch:
            batch.update({b"key-%d" % i: b"v" * 100 for i in range(200)})
        with open("db/data-000001.p1seg", "r+b") as file:
            content = bytearray(file.read())
            at = content.index(b"v" * 100)
            content[at] ^= 1
            file.seek(0)
            file.write(content)
        with Database.open_ro("db") as db:
            with self.assertRaises(quiverdb.Corruption) as caught:
                db.scan_all()
        err = caught.exception
        self.assertTrue(err.file.endswith("data-000001.p1seg"), err.file)
        self.assertEqual(err.page, at // 4096)
        self.assertIn(err.file, str(err))
        self.assertTrue(err.reason)
        report = Database.check("db")
        self.assertEqual([f["page"] for f in report["findings"]], [at // 4096])

    def test_no_snapshot(self):
        db = self.opened()
        for do in (db.open_snapshot, db.end_snapshot, db.remove_snapshot):
            with self.assertRaises(quiverdb.SnapshotNotFound) as caught:
                do("1-2-3")
            self.assertIsInstance(caught.exception, KeyError)
            self.assertNotIn("\\", str(caught.exception))
            with self.assertRaises(TypeError):
                do(b"1-2-3")
            with self.assertRaises(quiverdb.Invalid):
                do("1\0002")

    def test_snapshot_gone(self):
        db = self.opened(snap_persist=True)
        db.put(b"k", b"v" * 200)
        with db.snapshot() as snapshot:
            id = snapshot.id
        db.end_snapshot(id)
        db.put(b"k", b"w" * 200)
        db.checkpoint()
        with self.assertRaises(quiverdb.SnapshotGone):
            with db.open_snapshot(id) as snapshot:
                snapshot.get(b"k")

    def test_a_disk_that_refuses(self):
        """A limit on the length of files stands for the failing disk: no more bytes
        are taken, and what was acknowledged is still there."""
        self.opened().close()
        out = script(
            "import quiverdb, resource\n"
            "db = quiverdb.Database.open('db', data_fsync=False)\n"
            "db.put(b'before', b'1')\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (200000, resource.RLIM_INFINITY))\n"
            "seen = []\n"
            "for i in range(100):\n"
            "    try: db.put(b'%d' % i, bytes(20000))\n"
            "    except OSError as err: seen.append(type(err).__name__); assert err.errno, err\n"
            "assert db.get(b'before') == b'1'\n"
            "assert isinstance(quiverdb.Poisoned(), OSError)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
            "print(*sorted(set(seen)))"
        )
        self.assertTrue(set(out.split()) and set(out.split()) <= {"DiskError", "Poisoned", "Full"}, out)
        with Database.open("db") as db:
            self.assertEqual(db.get(b"before"), b"1")


class Library(Case):
    def test_that_cannot_be_loaded(self):
        with open("text.so", "w") as file:
            file.write("no library")
        for path, word in (("absent.so", "is not there"), ("text.so", "cannot be loaded"), ("libc.so.6", "is not there")):
            out = script(
                "import quiverdb\n"
                "try: quiverdb.Database.open('db')\n"
                "except ImportError as err: print(type(err).__name__, err)",
                env=dict(os.environ, QUIVERDB_LIBRARY=path),
            )  # fmt: skip
            self.assertTrue(out.startswith("LibraryError") and word in out, out)

    def test_of_another_kind(self):
        with open("other.c", "w") as file:
            file.write("int qdb_version(void) { return 0; }\n")
        os.system("gcc -shared -fPIC -o other.so other.c")
        out = script(
            "import quiverdb\n"
            "try: quiverdb.Database.open('db')\n"
            "except quiverdb.LibraryError as err: print('refused', err)",
            env=dict(os.environ, QUIVERDB_LIBRARY="./other.so"),
        )
        self.assertTrue(out.startswith("refused"), out)
