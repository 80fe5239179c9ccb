"""Large values and many keys."""

import hashlib
import random

from kit import Case
from quiverdb import Database


class Large(Case):
    def test_around_the_borders(self):
        """Lengths around pages, buffers and chunks, there and back."""
        db = self.opened()
        sizes = sorted({max(0, border + step) for border in (0, 1024, 4096, 65536, 262144, 1 << 20) for step in (-1, 0, 1)})
        chance = random.Random(1)
        values = {b"%d" % n: chance.getrandbits(8 * n + 8).to_bytes(n + 1, "little")[:n] for n in sizes}
        for key, value in values.items():
            db.put(key, value)
        for key, value in values.items():
            self.assertEqual(db.get(key), value)
        self.assertEqual(dict(db.scan()), values)
        with db.snapshot() as snapshot:
            for key, value in values.items():
                self.assertEqual(snapshot.get(key), value)

    def test_of_many_megabytes(self):
        db = self.opened()
        block = hashlib.sha256(b"block").digest() * 2048  # 64 KiB
        value = block * 640  # 40 MiB
        db.put(b"large", value)
        self.assertEqual(db.get(b"large"), value)
        db.put(b"large", memoryview(value)[: 30 << 20])
        self.assertEqual(db.get(b"large"), value[: 30 << 20])
        db.close()
        with Database.open_ro("db") as db:
            self.assertEqual(db.scan_all(), [(b"large", value[: 30 << 20])])

    def test_longest_key(self):
        db = self.opened()
        for length in (1023, 1024, 1025, 4096 - 90):
            db.put(b"k" * length, b"%d" % length)
        for length in (1023, 1024, 1025, 4096 - 90):
            self.assertEqual(db.get(b"k" * length), b"%d" % length)
            self.assertTrue(db.delete(b"k" * length))
