"""Snapshots, those of a handle and those that outlive it."""

import os

import quiverdb
from kit import Case
from quiverdb import Database


class Snapshots(Case):
    def test_as_of_one_moment(self):
        db = self.opened()
        pairs = {b"key-%d" % i: b"%d" % i * 50 for i in range(500)}
        with db.batch() as batch:
            batch.update(pairs)
        with db.snapshot() as snapshot:
            lsn = db.last_lsn()
            db.delete_prefix(b"key-1")
            db.put(b"key-2", b"new")
            db.put(b"more", b"1")
            db.checkpoint()
            self.assertEqual(snapshot.lsn, lsn)
            self.assertEqual(snapshot.get(b"key-1"), pairs[b"key-1"])
            self.assertIsNone(snapshot.get(b"more"))
            self.assertTrue(snapshot.has(b"key-11"))
            self.assertFalse(snapshot.has(b"more"))
            self.assertEqual(dict(snapshot.scan_all()), pairs)
            self.assertEqual(dict(snapshot.scan()), pairs)
            self.assertEqual(list(snapshot.scan(b"key-3", sorted=True)), sorted(p for p in pairs.items() if p[0][:5] == b"key-3"))
            self.assertEqual(sorted(snapshot.scan_prefix(b"key-1")), sorted(p for p in pairs.items() if p[0][:5] == b"key-1"))
            self.assertEqual(len(snapshot), 500)
        self.assertEqual(db.snapshots(), [])

    def test_closing(self):
        db = self.opened()
        snapshot = db.snapshot()
        scan = snapshot.scan()
        self.assertIn(snapshot.id, repr(snapshot))
        snapshot.close()
        snapshot.close()
        self.assertIn("closed", repr(snapshot))
        for do in (lambda: snapshot.get(b"k"), lambda: snapshot.lsn, snapshot.scan, lambda: list(scan)):
            with self.assertRaises(quiverdb.Closed):
                do()
        self.assertIsNone(db.get(b"k"))

    def test_of_a_reader(self):
        with self.opened() as db:
            db.put(b"k", b"v")
        with Database.open_ro("db") as db, db.snapshot() as snapshot:
            self.assertEqual(snapshot.scan_all(), [(b"k", b"v")])

    def test_forgetting_one_frees_it(self):
        db = self.opened()
        db.put(b"k", b"v")
        snapshot = db.snapshot()
        db.put(b"k", b"w")
        self.assertEqual(os.listdir("db/.snapshots"), [snapshot.id])
        del snapshot
        self.assertEqual(os.listdir("db/.snapshots"), [])

    def test_it_keeps_its_database_open(self):
        with self.opened() as db:
            db.put(b"k", b"v")
        snapshot = Database.open("db").snapshot()
        self.assertEqual(snapshot.get(b"k"), b"v")

    def test_persisted(self):
        with self.opened(snap_persist=True, snap_dedup=True) as db:
            db.put(b"k", b"1")
            with db.snapshot() as first:
                db.put(b"k", b"2")
            second = db.snapshot()
            db.put(b"k", b"3")
            told = db.snapshots()
            self.assertEqual([s.id for s in told], [first.id, second.id])
            self.assertEqual([(s.lsn, s.ended) for s in told], [(told[0].lsn, False), (second.lsn, False)])
            self.assertGreater(told[1].ts_nanos, told[0].ts_nanos)
            self.assertIsInstance(told[0], quiverdb.SnapshotInfo)
        with Database.open_ro("db") as db:
            self.assertEqual(db.snapshots(), told)
        with Database.open("db") as db:
            db.put(b"k", b"4")
            with db.open_snapshot(told[0].id) as snapshot:
                self.assertEqual((snapshot.get(b"k"), snapshot.lsn, snapshot.id), (b"1", told[0].lsn, told[0].id))
            with db.open_snapshot(told[1].id) as snapshot:
                self.assertEqual(dict(snapshot), {b"k": b"2"})
            db.end_snapshot(told[0].id)
            self.assertEqual([s.ended for s in db.snapshots()], [True, False])
            db.remove_snapshot(told[0].id)
            db.remove_snapshot(told[1].id)
            self.assertEqual(db.snapshots(), [])
            sizes = db.compact_snapstore()
            self.assertGreater(sizes["before_bytes"], sizes["after_bytes"])
