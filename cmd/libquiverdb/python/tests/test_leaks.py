"""Neither memory nor handles are lost over a million calls."""

import gc
import os

from kit import Case, handles, memory
from quiverdb import Database

CALLS = 1000000


class Leaks(Case):
    def settled(self, do, rounds, slack):
        """Memory after many rounds is that after few, but for slack bytes."""
        for _ in range(max(1, rounds // 5)):
            do()
        gc.collect()
        before, files = memory(), handles()
        for _ in range(rounds):
            do()
        gc.collect()
        self.assertLess(memory() - before, slack)
        self.assertLessEqual(handles(), files + 2)

    def test_a_million_calls(self):
        db = self.opened()
        with db.batch() as batch:
            batch.update({b"%d" % i: b"v" * 100 for i in range(1000)})
        keys = [b"%d" % i for i in range(1000)]

        def thousand():
            for key in keys[:850]:
                db.get(key)
            for key in keys[:50]:
                db.get(b"missing")
                db.has(key)
            for _ in range(10):
                db.last_lsn()
                db.get(bytearray(b"7"))
                try:
                    db.put(b"k" * 5000, b"")
                except ValueError:
                    pass
            db.stats()
            with db.batch(sync=False) as batch:
                for key in keys[:10]:
                    batch.put(key, b"w" * 100)
            next(db.scan())
            len(db.scan_all())

        self.settled(thousand, CALLS // 1000, 24 << 20)

    def test_texts(self):
        """Messages and figures come as strings that the library made."""
        db = self.opened()
        name = "n" * 10000  # which the message repeats

        def some():
            for _ in range(50):
                try:
                    db.open_snapshot(name)
                except KeyError:
                    pass
                db.stats()
                db.snapshots()

        self.settled(some, 200, 48 << 20)

    def test_scans_and_snapshots_given_up(self):
        db = self.opened()
        with db.batch() as batch:
            batch.update({b"%d" % i: b"v" * 1000 for i in range(500)})

        def once():
            for _ in range(20):
                next(db.scan())
                next(iter(db))
                db.scan(sorted=True)
            db.snapshot()

        self.settled(once, 60, 32 << 20)

    def test_long_values(self):
        db = self.opened()
        db.put(b"k", bytes(3 << 20))

        def once():
            assert len(db.get(b"k")) == 3 << 20
            assert len(db.scan_prefix(b"k")) == 1

        self.settled(once, 60, 48 << 20)

    def test_handles(self):
        db = self.opened(snap_persist=True, snap_dedup=True)
        with db.batch() as batch:
            batch.update({b"%d" % i: b"v" * 100 for i in range(100)})

        def once():
            with db.snapshot() as snapshot:
                snapshot.get(b"7")
                next(snapshot.scan())
                id = snapshot.id
            with db.open_snapshot(id) as snapshot:
                len(snapshot)
            db.remove_snapshot(id)
            next(db.scan(sorted=True))

        self.settled(once, 60, 32 << 20)

    def test_databases(self):
        self.opened().close()

        def once():
            with Database.open("db", page_cache_pages=0):
                pass
            Database.open_ro("db")
            try:
                Database.open("absent")
            except OSError:
                pass

        self.settled(once, 60, 32 << 20)


if not os.path.exists("/proc/self/statm"):
    raise __import__("unittest").SkipTest("this system does not tell a process' memory in /proc")
