"""Kills: what was acknowledged is there, batches are whole."""

import signal
import time

from kit import Case, script, started
from quiverdb import Database

# Tells each acknowledged write, by its number.
WRITER = """
import os, sys
from quiverdb import Database
db = Database.open("db", data_fsync=bool(int(sys.argv[1])))
first = 1 + max([int(key) for key in db if key.isdigit()], default=-1)
for i in range(first, 1000000):
    if i % 3 == 0:
        db.put(b"%d" % i, b"v" * (i % 3000))
    else:
        with db.batch() as batch:
            batch.put(b"%d" % i, b"v" * (i % 3000))
            for j in range(20):
                batch.put(b"batch-%d" % j, b"%d" % i)
    os.write(1, b"%d\\n" % i)
"""


class Kill(Case):
    def test_and_reopen(self):
        self.made()
        for round in range(8):
            process = started(WRITER, round % 2)
            told = [process.stdout.readline() for _ in range(3)]  # of which two are batches
            time.sleep(0.05 + 0.03 * round)
            process.kill()
            told += process.stdout.readlines()
            _, err = process.communicate(timeout=30)
            self.assertEqual((process.returncode, err), (-signal.SIGKILL, ""))
            acknowledged = int(told[-1])
            if round % 2:  # a reader sees it too, before a writer has recovered
                with Database.open_ro("db") as db:
                    self.look(dict(db), acknowledged)
            with Database.open("db") as db:
                self.look(dict(db), acknowledged)
        self.assertGreater(acknowledged, 20)
        self.assertEqual(Database.check("db")["findings"] or [], [])

    def look(self, pairs, acknowledged):
        batches = {value for key, value in pairs.items() if key.startswith(b"batch-")}
        numbers = {int(key): value for key, value in pairs.items() if key.isdigit()}
        self.assertIn(max(numbers), (acknowledged, acknowledged + 1))  # one more may have been done
        self.assertEqual(set(numbers), set(range(max(numbers) + 1)))
        self.assertTrue(all(value == b"v" * (n % 3000) for n, value in numbers.items()))
        self.assertEqual(len(batches), 1, "a batch is there in part")
        self.assertEqual(max(n for n in numbers if n % 3), int(batches.pop()))

    def test_without_a_sync(self):
        """Batches without a sync of their own may be lost, from the end and whole."""
        self.made()
        script(
            "import os, signal\n"
            "from quiverdb import Database\n"
            "db = Database.open('db')\n"
            "for i in range(500):\n"
            "    with db.batch(sync=False) as batch:\n"
            "        batch.update({b'%d-%d' % (i, j): b'v' for j in range(10)})\n"
            "    if i == 250: db.sync()\n"
            "os.kill(os.getpid(), signal.SIGKILL)",
            code=-signal.SIGKILL,
        )
        with Database.open("db") as db:
            counts = {}
            for key in db:
                n = int(key.split(b"-")[0])
                counts[n] = counts.get(n, 0) + 1
        self.assertGreaterEqual(len(counts), 251)
        self.assertEqual(counts, {n: 10 for n in range(len(counts))})

    def test_a_snapshot_survives(self):
        self.made()
        out = script(
            "import os, signal\n"
            "from quiverdb import Database\n"
            "db = Database.open('db', snap_persist=True)\n"
            "db.put(b'k', b'old')\n"
            "print(db.snapshot().id, flush=True)\n"
            "db.put(b'k', b'new')\n"
            "os.kill(os.getpid(), signal.SIGKILL)",
            code=-signal.SIGKILL,
        )
        with Database.open("db") as db, db.open_snapshot(out.strip()) as snapshot:
            self.assertEqual((snapshot.get(b"k"), db.get(b"k")), (b"old", b"new"))
