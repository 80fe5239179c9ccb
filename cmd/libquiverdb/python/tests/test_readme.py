"""What the README shows does what it says."""

import os
import re
import unittest

import quiverdb
from kit import FOLDER, Case, script
from quiverdb import Database

README = (FOLDER / "README.md").read_text()


class QuickStart(Case):
    def test_runs_in_a_fresh_folder(self):
        blocks = re.findall(r"(?ms)^```python\n(.*?)^```$", README)
        self.assertEqual(len(blocks), 1)
        out = script(blocks[0])
        self.assertEqual((out, out.err), ("[(b'alpha', b'1')]\n", ""))
        self.assertEqual(sorted(os.listdir(".")), ["backup_py", "db_py", "db_restored_py"])
        for path in ("db_py", "db_restored_py"):
            with Database.open(path) as db:
                self.assertEqual(db.scan_all(), [(b"alpha", b"1")])
                self.assertFalse(db.stats()["unclean_start"])

    def test_uses_what_the_document_of_users_has(self):
        """Its calls are those of programs that are out there."""
        block = re.findall(r"(?ms)^```python\n(.*?)^```$", README)[0]
        for call in (
            'Database.init_db("./db_py", 4096, 128)', "wal_coalesce_ms=0,", "data_fsync=True,", "page_cache_pages=8,", "snap_persist=True,",
            "snap_dedup=True,", 'snapstore_dir="./.snapstore_alt"', 'db.put(b"alpha", b"1")', 'assert db.get(b"alpha") == b"1"',
            'print(db.scan_prefix(b"a"))', 'db.backup("./backup_py")', 'Database.restore("./db_restored_py", "./backup_py")',
        ):  # fmt: skip
            self.assertIn(call, block)


class Table(unittest.TestCase):
    def test_names_every_exception_and_its_built_in(self):
        rows = re.findall(r"(?m)^\| ((?:`\w+`(?:, )?)+) \| ((?:`\w+`(?:, )?)*) ?\|", README.split("### Exceptions")[1])
        told = {}
        for names, natural in rows:
            names, natural = re.findall(r"\w+", names), re.findall(r"\w+", natural)
            for i, name in enumerate(names):
                told[name] = natural[i] if len(natural) > 1 else (natural or ["Exception"])[0]
        errors = {n for n in quiverdb.__all__ if isinstance(getattr(quiverdb, n), type) and issubclass(getattr(quiverdb, n), quiverdb.Error)}
        self.assertEqual(set(told) | {"Error"}, errors)
        for name, natural in told.items():
            self.assertTrue(issubclass(getattr(quiverdb, name), getattr(__import__("builtins"), natural)), (name, natural))

    def test_names_every_method(self):
        for name in [n for n in dir(Database) if not n.startswith("_")]:
            self.assertRegex(README, r"`(db\.|Database\.)?%s\b|`%s`" % (name, name))
