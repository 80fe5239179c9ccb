"""Batches: all or nothing."""

import quiverdb
from kit import Case
from quiverdb import Database


class Batches(Case):
    def test_written_when_the_block_ends(self):
        db = self.opened()
        db.put(b"old", b"1")
        before = db.last_lsn()
        with db.batch() as batch:
            batch.put(b"a", b"1")
            batch[b"b"] = b"2"
            batch.delete(b"old")
            del batch[b"never there"]
            self.assertEqual(len(batch), 4)
            self.assertIsNone(db.get(b"a"))
        self.assertEqual(sorted(db.scan_all()), [(b"a", b"1"), (b"b", b"2")])
        self.assertGreater(db.last_lsn(), before)

    def test_an_exception_discards(self):
        db = self.opened()
        with self.assertRaises(ZeroDivisionError):
            with db.batch() as batch:
                batch.put(b"a", b"1")
                1 / 0
        self.assertEqual(db.scan_all(), [])

    def test_in_the_order_of_the_calls(self):
        db = self.opened()
        with db.batch() as batch:
            batch.put(b"a", b"1")
            batch.put(b"a", b"2")
            batch.put(b"b", b"1")
            batch.delete(b"b")
            batch.delete(b"c")
            batch.put(b"c", b"3")
        self.assertEqual(sorted(db.scan_all()), [(b"a", b"2"), (b"c", b"3")])

    def test_by_hand(self):
        db = self.opened()
        batch = db.batch()
        self.assertTrue(batch)
        batch.put(b"a", b"1")
        batch.clear()
        self.assertEqual(len(batch), 0)
        batch.write()
        batch.put(b"b", b"2")
        batch.write()
        self.assertEqual(len(batch), 0)
        self.assertEqual(db.scan_all(), [(b"b", b"2")])

    def test_one_that_fails_changes_nothing(self):
        db = self.opened()
        with self.assertRaises(quiverdb.TooLarge):
            with db.batch() as batch:
                batch.put(b"a", b"1")
                batch.put(b"k" * 5000, b"2")
        self.assertEqual(db.scan_all(), [])

    def test_without_sync(self):
        db = self.opened()
        with db.batch(sync=False) as batch:
            batch.put(b"a", b"1")
        self.assertEqual(db.get(b"a"), b"1")
        db.sync()
        db.close()
        with Database.open_ro("db") as db:
            self.assertEqual(db.get(b"a"), b"1")

    def test_on_a_reader(self):
        self.opened().close()
        with Database.open_ro("db") as db, self.assertRaises(quiverdb.ReadOnly):
            with db.batch() as batch:
                batch.put(b"a", b"1")
