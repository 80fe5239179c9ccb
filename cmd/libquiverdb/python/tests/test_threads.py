"""Threads share a handle, and the interpreter."""

import random
import threading
import time

import quiverdb
from kit import Case, HardLimit
from quiverdb import Database


def together(*functions):
    """Runs functions at the same time; the first exception comes out."""
    failed = []

    def guarded(do):
        try:
            do()
        except BaseException as err:
            failed.append(err)

    threads = [threading.Thread(target=guarded, args=(do,)) for do in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


class Threads(Case):
    def setUp(self):
        super().setUp()
        limit = HardLimit(120)
        limit.__enter__()
        self.addCleanup(limit.__exit__)

    def test_each_gets_its_own(self):
        db = self.opened()
        n = 400

        def work(name):
            def do():
                chance = random.Random(name)
                for i in range(n):
                    key, value = b"%d-%d" % (name, i), bytes([name]) * chance.randrange(1, 100000 if i % 50 == 0 else 300)
                    with db.batch(sync=False) as batch:
                        batch.put(key, value)
                    assert db.get(key) == value
                    assert db.get(b"%d-missing" % name) is None
                    if i % 7 == 0:
                        assert db.delete(key) and not db.has(key)

            return do

        together(*[work(name) for name in range(8)])
        self.assertEqual(len(db), 8 * (n - len(range(0, n, 7))))

    def test_errors_belong_to_their_thread(self):
        db = self.opened()
        db.put(b"k", b"v")

        def too_large():
            for _ in range(300):
                with self.assertRaises(quiverdb.TooLarge):
                    db.put(b"k" * 5000, b"")

        def missing():
            for _ in range(300):
                with self.assertRaises(quiverdb.SnapshotNotFound):
                    db.open_snapshot("none")

        def fine():
            for _ in range(3000):
                assert db.get(b"k") == b"v"

        together(too_large, missing, fine, too_large, missing)

    def test_writers_share_their_syncs(self):
        db = self.opened()
        rounds = 40

        def puts(name):
            return lambda: [db.put(b"%d-%d" % (name, i), b"v") for i in range(rounds)]

        began = time.monotonic()
        puts(100)()
        alone = time.monotonic() - began
        began = time.monotonic()
        together(*[puts(name) for name in range(8)])
        shared = time.monotonic() - began
        self.assertEqual(len(db), 9 * rounds)
        self.assertLess(shared, 8 * alone, "eight threads take as long as one after the other")

    def test_a_waiting_call_stops_nobody(self):
        """While one thread waits for a lock, 5 s long, the others go on."""
        self.opened().put(b"k", b"v")
        ticks = []
        waiting = threading.Thread(target=lambda: self.assertRaises(quiverdb.Locked, Database.open, "db"))
        waiting.start()
        while waiting.is_alive():
            ticks.append(time.monotonic())
            time.sleep(0.01)
        gaps = [b - a for a, b in zip(ticks, ticks[1:])]
        self.assertGreater(len(ticks), 100)
        self.assertLess(max(gaps), 2)

    def test_scans_of_one_thread_go_on_in_another(self):
        db = self.opened()
        with db.batch() as batch:
            batch.update({b"%d" % i: b"v" * 100 for i in range(5000)})
        for options in ({}, {"sorted": True}, {"prefix": b"1"}):
            scan = db.scan(**options)
            counted = []
            next(scan)
            together(lambda: counted.append(next(scan)))
            together(lambda: counted.extend(scan))
            scan.close()
            self.assertEqual(len(counted) + 1, len(db.scan_prefix(options.get("prefix", b""))))

    def test_closing_while_others_read(self):
        for _ in range(5):
            db = self.opened()
            with db.batch() as batch:
                batch.update({b"%d" % i: b"v" * 100 for i in range(3000)})
            begun = threading.Barrier(6)
            ended = []

            def read(do):
                def loop():
                    begun.wait()
                    try:
                        while True:
                            do()
                    except quiverdb.Closed:
                        ended.append(True)

                return loop

            def close():
                begun.wait()
                time.sleep(0.02)
                db.close()

            snapshot = db.snapshot()
            together(
                close, read(lambda: db.get(b"77")), read(lambda: list(db.scan())), read(lambda: snapshot.get(b"77")),
                read(lambda: db.put(b"k", b"v")), read(lambda: len(db)),
            )  # fmt: skip
            self.assertEqual(len(ended), 5)
