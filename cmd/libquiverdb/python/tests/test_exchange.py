"""Databases that Python makes and the command line reads, and the other way round;
the reference's databases, read from Python."""

import hashlib
import json
import os
import random
import shutil
import tarfile
import unittest
from pathlib import Path

import quiverdb
from kit import Case
from kit import quiverdb as run
from quiverdb import Database

VECTORS = os.environ.get("QUIVER_REFERENCE_VECTORS")


def pairs():
    chance = random.Random(7)
    found = {chance.getrandbits(64).to_bytes(8, "big"): bytes([i % 256]) * chance.randrange(2000) for i in range(400)}
    found.update({b"": b"of the empty key", b"empty": b"", b"long": bytes(range(256)) * 1000})
    return found


def of_hex(lines):
    split = (line.split(b" ") for line in lines.splitlines())
    return {bytes.fromhex(key.decode()): bytes.fromhex(value.decode()) for key, value in split}


class CommandLine(Case):
    def test_reads_what_python_made(self):
        expected = pairs()
        with self.opened(data_fsync=True) as db:
            for key, value in list(expected.items())[:50]:
                db.put(key, value)
            with db.batch() as batch:
                batch.update(expected)
                batch.put(b"gone", b"1")
            db.delete(b"gone")
            db.backup("full")
        self.assertEqual(of_hex(run("scan", "--path", "db", "--format", "hex")), expected)
        self.assertEqual(run("get", "--path", "db", "long"), expected[b"long"])
        run("check", "--path", "db", "--strict")
        run("restore", "--path", "copy", "--from", "full", "--verify")
        self.assertEqual(of_hex(run("scan", "--path", "copy", "--format", "hex")), expected)
        run("put", "--path", "db", "from the command line", "1")
        with Database.open("db") as db:
            expected[b"from the command line"] = b"1"
            self.assertEqual(dict(db), expected)

    def test_makes_what_python_reads(self):
        expected = pairs()
        run("init", "--path", "db", "--page-size", "16384", "--buckets", "5")
        records = "".join(json.dumps({"key_hex": k.hex(), "value_hex": v.hex()}) + "\n" for k, v in expected.items())
        run("load", "--path", "db", "-", input=records.encode())
        run("backup", "--path", "db", "--out", "full")
        with Database.open_ro("db") as db:
            self.assertEqual(dict(db), expected)
            self.assertEqual((db.stats()["page_size"], db.stats()["buckets"]), (16384, 5))
        Database.restore("copy", "full")
        with Database.open("copy") as db:
            self.assertEqual(dict(db.scan()), expected)
            db.put(b"more", b"1")
        self.assertEqual(run("get", "--path", "copy", "more"), b"1")

    def test_sees_that_python_has_the_lock(self):
        with self.opened():
            run("get", "--path", "db", "--lock-wait", "0s", "k", code=11)
        run("get", "--path", "db", "--lock-wait", "0s", "k", code=4)


@unittest.skipUnless(VECTORS, "QUIVER_REFERENCE_VECTORS names no folder of the reference's databases")
class Vectors(Case):
    def test_hold_what_the_reference_saw(self):
        read = 0
        for folder in sorted(Path(VECTORS).iterdir()):
            expect = folder / "expect.json"
            if not expect.is_file():
                continue
            told = json.loads(expect.read_text())
            with self.subTest(folder.name):
                path = self.copy(folder)
                if path and ("pairs" in told or "pairs_digest" in told):
                    self.compare(path, told)
                    read += 1
        self.assertGreater(read, 20)

    def copy(self, folder):
        shutil.rmtree("vector", ignore_errors=True)
        os.mkdir("vector")
        if (folder / "db").is_dir():
            shutil.copytree(str(folder / "db"), "vector/db")
        elif (folder / "db.tar.gz").is_file():
            with tarfile.open(str(folder / "db.tar.gz")) as archive:
                archive.extractall("vector")
        else:
            return None
        for place, folders, files in os.walk("vector"):
            for name in folders + files:
                os.chmod(os.path.join(place, name), 0o755)
        return "vector/db"

    def compare(self, path, told):
        if told.get("must_refuse_without_salvage"):
            for do in (Database.open_ro, Database.open):
                with self.assertRaises(quiverdb.Corruption) as caught:
                    do(path)
                self.assertTrue(caught.exception.file)
            return
        expected = {key: value for key, value in told.get("pairs") or []}
        digests = {key: (length, digest) for key, length, digest in told.get("pairs_digest") or []}
        for do in (Database.open_ro, Database.open, Database.open_ro):  # as it was left, recovered, and afterwards
            with do(path) as db:
                self.assertEqual(len(db), len(expected) + len(digests))
                for key, value in db.scan():
                    found = key.hex()
                    if found in expected:
                        self.assertEqual(value.hex(), expected[found])
                    else:
                        self.assertEqual((len(value), hashlib.sha256(value).hexdigest()), digests[found])
                    self.assertEqual(db.get(key), value)

    def test_what_is_only_unusual(self):
        path = self.copy(Path(VECTORS) / "17-tail-wins")
        self.assertEqual(Database.check(path)["findings"] or [], [])
        self.assertEqual(len(Database.check(path, strict=True)["findings"]), 1)

    def test_backups_of_the_reference_restore(self):
        folder = Path(VECTORS) / "20-backup"
        told = json.loads((folder / "expect.json").read_text())
        Database.restore("copy", folder / "full")
        with Database.open_ro("copy") as db:
            self.assertEqual(db.last_lsn(), told["full_lsn"])
        Database.restore("copy", folder / "incr")
        with Database.open("copy") as db:
            self.assertEqual({k.hex(): v.hex() for k, v in db.scan()}, dict(map(tuple, told["pairs"])))
