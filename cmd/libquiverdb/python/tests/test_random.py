"""Random operations beside a dict: QUIVERDB_OPERATIONS of them, 30,000 by default."""

import os
import random

from kit import Case
from quiverdb import Database

OPERATIONS = int(os.environ.get("QUIVERDB_OPERATIONS", "30000"))
KEYS = 3000


class Machine:
    """Does to a database and a dict the same."""

    def __init__(self, case, seed):
        self.case = case
        self.chance = random.Random(seed)
        self.expected = {}
        self.snapshot = None
        self.db = Database.open("db", data_fsync=False)
        # With the changes of a batch counted one by one, half of all are reads. Batches
        # without a sync keep it quick.
        self.actions = [self.get] * 190 + [self.has] * 10 + [self.write] * 6
        self.rare = [self.reopen, self.scan, self.scan_prefix, self.delete_prefix, self.count, self.see, self.put, self.delete, self.sync]

    def key(self):
        return b"%d-%d" % (self.chance.randrange(10), self.chance.randrange(KEYS // 10))

    def value(self):
        n = self.chance.choice((1500, 5000) if self.chance.randrange(40) == 0 else (0, 1, 10, 30, 100, 100, 200))
        return self.chance.getrandbits(32).to_bytes(4, "little") * (n // 4) + b"!" * (n % 4)

    def run(self, operations):
        """A write of n changes counts for n."""
        done = 0
        while done < operations:
            action = self.chance.choice(self.rare if self.chance.randrange(1500) == 0 else self.actions)
            done += action() or 1
        self.scan()
        self.reopen()
        self.scan()
        self.db.close()

    def get(self):
        key = self.key()
        value = self.db.get(key)
        if value != self.expected.get(key):
            self.case.fail("get(%r): %r instead of %r" % (key, value, self.expected.get(key)))

    def has(self):
        key = self.key()
        self.case.assertEqual(self.db.has(key), key in self.expected)

    def write(self):
        n = self.chance.choice((1, 2, 20, 100))
        with self.db.batch(sync=False) as batch:
            for _ in range(n):
                key = self.key()
                if self.chance.randrange(4):
                    self.expected[key] = value = self.value()
                    batch.put(key, value)
                else:
                    self.expected.pop(key, None)
                    batch.delete(key)
        return n

    def put(self):
        key, value = self.key(), self.value()
        self.db[key] = self.expected[key] = value

    def delete(self):
        key = self.key()
        self.case.assertEqual(self.db.delete(key), self.expected.pop(key, None) is not None)

    def delete_prefix(self):
        prefix = self.key()[: self.chance.randrange(2, 4)]
        gone = [key for key in self.expected if key.startswith(prefix)]
        self.case.assertEqual(self.db.delete_prefix(prefix), len(gone))
        for key in gone:
            del self.expected[key]

    def sync(self):
        self.db.sync()

    def count(self):
        self.case.assertEqual(len(self.db), len(self.expected))

    def scan(self):
        self.case.assertEqual(dict(self.db.scan()), self.expected)

    def scan_prefix(self):
        prefix = self.key()[:3]
        wanted = sorted((k, v) for k, v in self.expected.items() if k.startswith(prefix))
        self.case.assertEqual(sorted(self.db.scan_prefix(prefix)), wanted)
        self.case.assertEqual(list(self.db.scan(prefix, sorted=True)), wanted)

    def see(self):
        """A snapshot is compared some time after it was begun."""
        if self.snapshot:
            snapshot, expected = self.snapshot
            with snapshot:
                self.case.assertEqual(dict(snapshot.scan()), expected)
        self.snapshot = self.db.snapshot(), dict(self.expected)

    def reopen(self):
        self.db.close()
        self.snapshot = None
        self.db = Database.open("db", data_fsync=False, page_cache_pages=self.chance.choice((None, 0, 50)))


class RandomOperations(Case):
    def test_beside_a_dict(self):
        seed = int(os.environ.get("QUIVERDB_SEED", random.randrange(1 << 32)))
        self.made(buckets=16)
        with self.subTest("QUIVERDB_SEED=%d QUIVERDB_OPERATIONS=%d" % (seed, OPERATIONS)):
            Machine(self, seed).run(OPERATIONS)
        self.assertEqual(Database.check("db")["findings"] or [], [])
