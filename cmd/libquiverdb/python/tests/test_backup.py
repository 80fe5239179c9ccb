"""Backups and restores."""

import os
import threading

from kit import Case
from quiverdb import Database


class Backups(Case):
    def pairs(self, path):
        with Database.open_ro(path) as db:
            return dict(db)

    def test_full_and_incremental(self):
        db = self.opened()
        with db.batch() as batch:
            batch.update({b"%d" % i: b"v" * 300 for i in range(500)})
        db.backup("full")
        at = db.last_lsn()
        first = dict(db)
        db.delete_prefix(b"1")
        db.put(b"new", b"1")
        db.backup("more", at)
        second = dict(db)
        db.put(b"later", b"1")
        db.backup("most", since_lsn=db.last_lsn() - 1)
        Database.restore("copy", "full")
        self.assertEqual(self.pairs("copy"), first)
        Database.restore("copy", "more")
        self.assertEqual(self.pairs("copy"), second)
        Database.restore("copy", "most")
        self.assertEqual(self.pairs("copy"), dict(db))
        self.assertEqual(Database.check("copy")["findings"] or [], [])

    def test_of_a_reader(self):
        with self.opened() as db:
            db.put(b"k", b"v")
        with Database.open_ro("db") as db:
            db.backup("full")
        Database.restore("copy", "full")
        self.assertEqual(self.pairs("copy"), {b"k": b"v"})

    def test_while_others_write(self):
        db = self.opened()
        with db.batch() as batch:
            batch.update({b"stays-%d" % i: os.urandom(1000) for i in range(3000)})
        stop = threading.Event()

        def write():
            n = 0
            while not stop.is_set():
                n += 1
                with db.batch() as batch:
                    batch.put(b"one", b"%d" % n)
                    batch.put(b"other", b"%d" % n)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for n in range(3):
                db.backup("full%d" % n)
        finally:
            stop.set()
            writer.join()
        for n in range(3):
            Database.restore("copy%d" % n, "full%d" % n)
            pairs = self.pairs("copy%d" % n)
            self.assertEqual(pairs.get(b"one"), pairs.get(b"other"))
            self.assertEqual(len([k for k in pairs if k.startswith(b"stays")]), 3000)

    def test_in_a_thread(self):
        db = self.opened()
        db.put(b"k", b"v")
        thread = threading.Thread(target=lambda: (db.backup("full"), Database.restore("copy", "full"), Database.check("copy")))
        thread.start()
        thread.join()
        self.assertEqual(self.pairs("copy"), {b"k": b"v"})

    def test_check(self):
        self.opened().close()
        report = Database.check("db", strict=True)
        self.assertEqual((report["findings"] or [], report["pairs"]), ([], 0))
