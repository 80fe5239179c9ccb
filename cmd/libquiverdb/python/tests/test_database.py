"""The class of the user's document, method by method."""

import inspect
import os
import pickle
import unittest
from pathlib import Path

import quiverdb
from kit import Case
from quiverdb import Database


class DocumentedInterface(unittest.TestCase):
    """Names, order and defaults are those that users have in their programs."""

    def test_signatures(self):
        expected = {
            "init_db": "(path, page_size, buckets)",
            "open": "(path, wal_coalesce_ms=None, data_fsync=None, page_cache_pages=None, "
            "ovf_threshold_bytes=None, snap_persist=None, snap_dedup=None, snapstore_dir=None)",
            "open_ro": "(path)",
            "put": "(self, key, value)",
            "get": "(self, key)",
            "delete": "(self, key)",
            "scan_all": "(self)",
            "scan_prefix": "(self, prefix)",
            "backup": "(self, out_dir, since_lsn=None)",
            "restore": "(dst_path, backup_dir)",
            "last_lsn": "(self)",
        }
        for name, signature in expected.items():
            with self.subTest(name):
                self.assertEqual(str(inspect.signature(getattr(Database, name))), signature)

    def test_static_methods(self):
        for name in ("init_db", "open", "open_ro", "restore"):
            self.assertIsInstance(inspect.getattr_static(Database, name), staticmethod)


class Basics(Case):
    def test_put_get_delete(self):
        db = self.opened()
        self.assertIsNone(db.put(b"alpha", b"1"))
        self.assertEqual(db.get(b"alpha"), b"1")
        self.assertIsInstance(db.get(b"alpha"), bytes)
        db.put(b"alpha", b"2")
        self.assertEqual(db.get(b"alpha"), b"2")
        self.assertIs(db.delete(b"alpha"), True)
        self.assertIs(db.delete(b"alpha"), False)
        self.assertIsNone(db.get(b"alpha"))

    def test_missing_is_not_empty(self):
        db = self.opened()
        db.put(b"", b"")
        self.assertEqual(db.get(b""), b"")
        self.assertIsNone(db.get(b"x"))
        self.assertTrue(db.has(b""))
        self.assertIs(db.delete(b""), True)

    def test_everything_by_keyword(self):
        self.assertIsNone(Database.init_db(path="db", page_size=8192, buckets=4))
        db = Database.open(path="db", snap_persist=False)
        db.put(key=b"k", value=b"v")
        self.assertEqual(db.get(key=b"k"), b"v")
        self.assertEqual(db.scan_prefix(prefix=b"k"), [(b"k", b"v")])
        self.assertIsNone(db.backup(out_dir="full", since_lsn=None))
        self.assertIsNone(Database.restore(dst_path="copy", backup_dir="full"))
        self.assertIs(db.delete(key=b"k"), True)
        db.close()
        with Database.open_ro(path="copy") as copy:
            self.assertEqual(copy.scan_all(), [(b"k", b"v")])

    def test_init_twice_keeps_what_is_there(self):
        db = self.opened()
        db.put(b"k", b"v")
        db.close()
        Database.init_db("db", 8192, 3)
        with Database.open_ro("db") as db:
            self.assertEqual(db.get(b"k"), b"v")
            self.assertEqual(db.stats()["page_size"], 4096)

    def test_init_makes_parents(self):
        Database.init_db("a/b/c", 4096, 1)
        Database.open("a/b/c").close()

    def test_scans_give_lists_of_tuples(self):
        db = self.opened()
        pairs = {b"a%d" % i: b"v%d" % i for i in range(300)}
        pairs.update({b"b%d" % i: b"" for i in range(20)})
        with db.batch() as batch:
            batch.update(pairs)
        found = db.scan_all()
        self.assertIsInstance(found, list)
        self.assertTrue(all(type(p) is tuple and type(p[0]) is bytes and type(p[1]) is bytes for p in found))
        self.assertEqual(len(found), 320)
        self.assertEqual(dict(found), pairs)
        self.assertEqual(sorted(db.scan_prefix(b"a1")), sorted((k, v) for k, v in pairs.items() if k.startswith(b"a1")))
        self.assertEqual(db.scan_prefix(b"zz"), [])

    def test_last_lsn_grows(self):
        db = self.opened()
        before = db.last_lsn()
        db.put(b"k", b"v")
        self.assertGreater(db.last_lsn(), before)

    def test_readers_share(self):
        with self.opened() as db:
            db.put(b"k", b"v")
        with Database.open_ro("db") as one, Database.open_ro("db") as other:
            self.assertEqual((one.get(b"k"), other.get(b"k")), (b"v", b"v"))
            self.assertTrue(one.read_only)


class Handle(Case):
    def test_close_twice(self):
        db = self.opened()
        self.assertFalse(db.closed)
        db.close()
        db.close()
        self.assertTrue(db.closed)

    def test_context_manager_closes(self):
        self.made()
        with Database.open("db") as db:
            db.put(b"k", b"v")
        with self.assertRaises(quiverdb.Closed):
            db.get(b"k")
        Database.open("db").close()  # the lock is free

    def test_context_manager_closes_after_an_exception(self):
        self.made()
        with self.assertRaises(ZeroDivisionError):
            with Database.open("db"):
                1 / 0
        Database.open("db").close()

    def test_the_last_reference_closes(self):
        self.made()
        db = Database.open("db")
        db.put(b"k", b"v")
        del db
        self.assertEqual(Database.open("db").get(b"k"), b"v")

    def test_a_running_scan_keeps_it_open(self):
        pairs = self.filled(2000)
        scan = Database.open_ro("db").scan()
        self.assertEqual(dict(scan), pairs)

    def filled(self, n):
        pairs = {b"key-%05d" % i: b"v" * 200 for i in range(n)}
        with self.opened() as db, db.batch() as batch:
            batch.update(pairs)
        return pairs

    def test_paths(self):
        for n, path in enumerate(("text", b"bytes", Path("pathlike"), "ünïcode \u2713", os.fsdecode(b"not utf8 \xff"))):
            with self.subTest(path=path):
                Database.init_db(path, 4096, 2)
                with Database.open(path) as db:
                    db.put(b"k", b"%d" % n)
                    self.assertEqual(os.fsencode(db.path), os.fsencode(path))
                self.assertTrue(os.path.exists(os.path.join(os.fsencode(path), b"meta")))

    def test_repr(self):
        db = self.opened()
        self.assertEqual(repr(db), "<quiverdb.Database 'db'>")
        db.close()
        with Database.open_ro("db") as reader:
            self.assertEqual(repr(reader), "<quiverdb.Database 'db' (read-only)>")
        self.assertEqual(repr(reader), "<quiverdb.Database 'db' (read-only, closed)>")

    def test_it_is_no_value(self):
        with self.assertRaisesRegex(TypeError, "pass its path"):
            pickle.dumps(self.opened())
        with self.assertRaisesRegex(TypeError, "Database.open"):
            Database()

    def test_stats(self):
        stats = self.opened().stats()
        self.assertEqual((stats["page_size"], stats["buckets"]), (4096, 16))

    def test_checkpoint_and_sync(self):
        db = self.opened()
        db.put(b"k", b"v")
        db.sync()
        db.checkpoint()
        self.assertEqual(db.stats()["dirty_pages"], 0)

    def test_delete_prefix(self):
        db = self.opened()
        with db.batch() as batch:
            batch.update({b"a%d" % i: b"v" for i in range(100)})
            batch.put(b"b", b"stays")
        self.assertEqual(db.delete_prefix(b"a"), 100)
        self.assertEqual(db.delete_prefix(b"a"), 0)
        self.assertEqual(db.scan_all(), [(b"b", b"stays")])

    def test_version(self):
        self.assertRegex(quiverdb.version, r"^\d+\.\d+\.\d+$")
        self.assertEqual(quiverdb.version, quiverdb.__version__)
