"""Options: arguments, the environment, and which of them wins."""

import os
from unittest import mock

import quiverdb
from kit import Case, script
from quiverdb import Database


def environment(**variables):
    return mock.patch.dict(os.environ, variables)


class Options(Case):
    def pages_kept(self, **options):
        """Fills a database and tells how many of its pages stay in memory."""
        with self.opened(**options) as db:
            with db.batch() as batch:
                batch.update({b"%d" % i: b"v" * 500 for i in range(2000)})
            db.checkpoint()
            return db.stats()["cached_pages"]

    def test_page_cache(self):
        self.assertGreater(self.pages_kept(), 100)
        self.assertLessEqual(self.pages_kept(page_cache_pages=8), 8)
        self.assertEqual(self.pages_kept(page_cache_pages=0), 0)
        with environment(P1_PAGE_CACHE_PAGES="5"):  # as it is now, not when the library was loaded
            self.assertLessEqual(self.pages_kept(), 5)
            self.assertGreater(self.pages_kept(page_cache_pages=1000), 100)

    def test_data_fsync(self):
        def dirty(**options):
            with self.opened(**options) as db:
                db.put(b"k", b"v")
                return db.stats()["dirty_pages"]

        self.assertEqual(dirty(data_fsync=True), 0)
        self.assertGreater(dirty(data_fsync=False), 0)
        with environment(P1_DATA_FSYNC="0"):
            self.assertGreater(dirty(data_fsync=None), 0)
            self.assertEqual(dirty(data_fsync=True), 0)

    def test_overflow_threshold(self):
        def pages(**options):
            with self.opened("db%d" % len(os.listdir(".")), **options) as db:
                with db.batch() as batch:
                    batch.update({b"%d" % i: b"v" * 200 for i in range(50)})
                return db.stats()["next_page_id"]

        small = pages()
        self.assertGreater(pages(ovf_threshold_bytes=100), small + 40)
        with environment(P1_OVF_THRESHOLD_BYTES="100"):
            self.assertGreater(pages(), small + 40)
            self.assertEqual(pages(ovf_threshold_bytes=1000), small)

    def test_snapshots(self):
        def kept(path, **options):
            with self.opened(path, **options) as db:
                with db.snapshot():
                    pass
                return len(db.snapshots())

        self.assertEqual(kept("a"), 0)
        self.assertEqual(kept("b", snap_persist=True), 1)
        with environment(P1_SNAP_PERSIST="1"):
            self.assertEqual(kept("c"), 1)
            self.assertEqual(kept("d", snap_persist=False), 0)

    def test_snapstore_folder(self):
        def stores(path, **options):
            with self.opened(path, snap_persist=True, **dict({"snap_dedup": True}, **options)) as db:
                db.put(b"k", b"v")
                with db.snapshot():
                    db.put(b"k", b"w")

        stores("none", snap_dedup=False)
        self.assertFalse(os.path.exists("none/.snapstore/store.bin"))
        stores("a")
        self.assertTrue(os.path.exists("a/.snapstore/store.bin"))
        stores("b", snapstore_dir="other")
        self.assertTrue(os.path.exists("b/other/store.bin"))
        stores("c", snapstore_dir=os.path.join(self.folder, "absolute"))
        self.assertTrue(os.path.exists("absolute/store.bin"))
        with environment(P1_SNAPSTORE_DIR="named"):
            stores("d")
            stores("e", snapstore_dir="other")
        self.assertTrue(os.path.exists("d/named/store.bin"))
        self.assertTrue(os.path.exists("e/other/store.bin"))

    def test_of_the_environment_for_readers(self):
        self.opened().close()
        with environment(P1_PAGE_CACHE_PAGES="many"), self.assertRaisesRegex(quiverdb.Invalid, "P1_PAGE_CACHE_PAGES"):
            Database.open_ro("db")

    def test_what_cannot_be_parsed_names_the_variable(self):
        self.made()
        for name, value in (("P1_WAL_COALESCE_MS", "soon"), ("P1_DATA_FSYNC", "perhaps"), ("P1_SNAP_DEDUP", "2")):
            with environment(**{name: value}), self.assertRaisesRegex(quiverdb.Invalid, name):
                Database.open("db")
        out = script(  # also from the environment that the process began with
            "import quiverdb\ntry: quiverdb.Database.open('db')\nexcept ValueError as err: print(err)",
            env=dict(os.environ, P1_WAL_COALESCE_MS="soon"),
        )
        self.assertIn("P1_WAL_COALESCE_MS", out)

    def test_arguments_outweigh_the_environment(self):
        self.made()
        variables = {"P1_WAL_COALESCE_MS": "1000", "P1_DATA_FSYNC": "off", "P1_PAGE_CACHE_PAGES": "3"}
        with environment(**variables):
            Database.open("db", wal_coalesce_ms=0, data_fsync=True, page_cache_pages=8).close()

    def test_wrong_types(self):
        self.made()
        for options in (
            {"wal_coalesce_ms": "3"}, {"wal_coalesce_ms": 1.5}, {"wal_coalesce_ms": True}, {"data_fsync": 1}, {"data_fsync": "no"},
            {"page_cache_pages": "8"}, {"ovf_threshold_bytes": b"1"}, {"snap_persist": 0}, {"snap_dedup": "yes"}, {"snapstore_dir": 5},
        ):  # fmt: skip
            with self.subTest(options), self.assertRaises(TypeError):
                Database.open("db", **options)
        for options in ({"wal_coalesce_ms": -1}, {"page_cache_pages": -1}, {"wal_coalesce_ms": 1 << 70}, {"snapstore_dir": b"\xff"}):
            with self.subTest(options), self.assertRaises(quiverdb.Invalid):
                Database.open("db", **options)
        with self.assertRaises(TypeError):
            Database.open("db", unknown=1)
        Database.open("db").close()
