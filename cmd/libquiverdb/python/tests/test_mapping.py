"""The database as a dict."""

import quiverdb
from collections.abc import Mapping, MutableMapping
from kit import Case


class DatabaseAsMapping(Case):
    def setUp(self):
        super().setUp()
        self.db = self.opened()
        self.pairs = {b"key-%d" % i: b"value-%d" % i for i in range(50)}
        with self.db.batch() as batch:
            batch.update(self.pairs)

    def test_items(self):
        db = self.db
        db[b"k"] = b"v"
        self.assertEqual(db[b"k"], b"v")
        self.assertIn(b"k", db)
        del db[b"k"]
        self.assertNotIn(b"k", db)
        with self.assertRaises(KeyError) as caught:
            db[b"k"]
        self.assertEqual(caught.exception.args, (b"k",))
        with self.assertRaises(quiverdb.NotFound):
            del db[b"k"]

    def test_iteration_and_length(self):
        self.assertEqual(len(self.db), 50)
        self.assertEqual(set(self.db), set(self.pairs))
        self.assertEqual(dict(self.db), self.pairs)
        self.assertEqual(dict(self.db.items()), self.pairs)
        self.assertEqual(sorted(self.db.values()), sorted(self.pairs.values()))
        self.assertEqual(set(self.db.keys()), set(self.pairs))

    def test_an_empty_one_is_true(self):
        self.db.mapping.clear()
        self.assertEqual(len(self.db), 0)
        self.assertTrue(self.db)

    def test_views(self):
        items = self.db.items()
        self.assertEqual(len(items), 50)
        self.assertIn((b"key-7", b"value-7"), items)
        self.assertNotIn((b"key-7", b"value-8"), items)
        self.assertIn(b"value-7", self.db.values())
        self.assertNotIn(b"value-77", self.db.values())
        self.assertEqual(self.db.keys() & {b"key-7", b"other"}, {b"key-7"})
        self.db[b"new"] = b"one"
        self.assertEqual(len(items), 51)  # a view, no copy

    def test_views_are_lazy(self):
        first = next(iter(self.db.items()))
        self.assertEqual(self.pairs[first[0]], first[1])
        self.assertIn(next(iter(self.db.keys())), self.pairs)


class MappingView(Case):
    def setUp(self):
        super().setUp()
        self.db = self.opened()
        self.view = self.db.mapping

    def test_is_one(self):
        self.assertIsInstance(self.view, MutableMapping)

    def test_everything_that_a_mapping_has(self):
        view = self.view
        view.update({b"a": b"1", b"b": b"2"})
        view.update([(b"c", b"3")])
        self.assertEqual(view, {b"a": b"1", b"b": b"2", b"c": b"3"})
        self.assertEqual(view.get(b"a"), b"1")
        self.assertEqual(view.get(b"z", b"default"), b"default")
        self.assertEqual(view.setdefault(b"a", b"x"), b"1")
        self.assertEqual(view.setdefault(b"d", b"4"), b"4")
        self.assertEqual(view.pop(b"d"), b"4")
        self.assertEqual(view.pop(b"d", None), None)
        with self.assertRaises(KeyError):
            view.pop(b"d")
        key, value = view.popitem()
        self.assertNotIn(key, view)
        self.assertIn(value, (b"1", b"2", b"3"))
        view.clear()
        self.assertEqual((len(view), dict(view)), (0, {}))
        with self.assertRaises(KeyError):
            view.popitem()

    def test_update_is_atomic(self):
        def pairs():
            yield b"a", b"1"
            raise ZeroDivisionError

        with self.assertRaises(ZeroDivisionError):
            self.view.update(pairs())
        self.assertEqual(len(self.view), 0)
        with self.assertRaises(TypeError):
            self.view.update(a=b"1")

    def test_of_a_snapshot_reads_only(self):
        self.db[b"k"] = b"v"
        with self.db.snapshot() as snapshot:
            self.db[b"k"] = b"w"
            view = snapshot.mapping
            self.assertIsInstance(view, Mapping)
            self.assertNotIsInstance(view, MutableMapping)
            self.assertEqual(dict(view), {b"k": b"v"})
            self.assertEqual(view, {b"k": b"v"})
            self.assertEqual((snapshot[b"k"], b"x" in snapshot, len(snapshot), list(snapshot)), (b"v", False, 1, [b"k"]))
            with self.assertRaises(KeyError):
                snapshot[b"x"]
