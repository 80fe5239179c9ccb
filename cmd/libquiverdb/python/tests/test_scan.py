"""Lazy scans."""

import gc

import quiverdb
from kit import Case


class Scans(Case):
    def setUp(self):
        super().setUp()
        self.db = self.opened()
        self.pairs = {b"%c-%05d" % (97 + i % 3, i): b"%d" % i * 30 for i in range(6000)}
        with self.db.batch() as batch:
            batch.update(self.pairs)

    def test_all(self):
        self.assertEqual(dict(self.db.scan()), self.pairs)

    def test_prefix(self):
        self.assertEqual(dict(self.db.scan(b"b-")), {k: v for k, v in self.pairs.items() if k[:2] == b"b-"})
        self.assertEqual(list(self.db.scan(prefix=b"zz")), [])

    def test_sorted(self):
        self.assertEqual(list(self.db.scan(sorted=True)), sorted(self.pairs.items()))
        self.assertEqual([k for k, _ in self.db.scan(b"c", True)], sorted(k for k in self.pairs if k[:1] == b"c"))

    def test_the_moment_is_that_of_the_call(self):
        scan = self.db.scan()
        with self.db.batch() as batch:
            batch.put(b"new", b"1")
            for key in list(self.pairs)[::2]:
                batch.delete(key)
        self.assertEqual(dict(scan), self.pairs)

    def test_errors_come_with_the_call(self):
        self.db.close()
        with self.assertRaises(quiverdb.Closed):
            self.db.scan()

    def test_one_by_one(self):
        scan = self.db.scan()
        first, second = next(scan), next(scan)
        self.assertNotEqual(first, second)
        self.assertEqual(len(list(scan)), len(self.pairs) - 2)
        with self.assertRaises(StopIteration):
            next(scan)

    def test_closing_ends_it(self):
        scan = self.db.scan()
        next(scan)
        scan.close()
        scan.close()
        self.assertEqual(list(scan), [])
        with self.db.scan() as never_begun:
            pass
        self.assertEqual(list(never_begun), [])

    def test_closing_the_database_ends_it(self):
        with self.db.batch() as batch:
            batch.update({b"long-%d" % i: b"v" * 100000 for i in range(50)})
        scan = self.db.scan()
        next(scan)
        self.db.close()
        with self.assertRaises(quiverdb.Closed):
            list(scan)

    def test_leaving_a_loop_frees_it(self):
        cursors = lambda: sum(type(o).__name__ == "Cursor" for o in gc.get_objects())  # noqa: E731
        before = cursors()
        for _ in self.db.scan():
            break
        for _ in self.db:
            break
        abandoned = self.db.scan()
        self.assertEqual(cursors(), before + 1)
        del abandoned
        self.assertEqual(cursors(), before)

    def test_pairs_larger_than_a_chunk(self):
        large = {b"large-%d" % i: bytes([i]) * (300000 * i) for i in range(8)}
        with self.db.batch() as batch:
            batch.update(large)
        self.assertEqual(dict(self.db.scan(b"large")), large)
        self.pairs.update(large)
        self.assertEqual(dict(self.db.scan()), self.pairs)
        self.assertEqual(dict(self.db.scan_all()), self.pairs)
        self.assertEqual(set(self.db), set(self.pairs))

    def test_many_at_once(self):
        scans = [self.db.scan() for _ in range(20)]
        for scan in scans:
            next(scan)
        for scan in scans:
            self.assertEqual(len(list(scan)), len(self.pairs) - 1)
