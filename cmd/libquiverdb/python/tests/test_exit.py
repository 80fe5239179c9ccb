"""The end of the interpreter with handles open and threads alive."""

from kit import Case, script
from quiverdb import Database

OPEN = """
import threading, time, sys
from quiverdb import Database
Database.init_db("db", 4096, 16)
db = Database.open("db")
with db.batch() as batch:
    batch.update({b"%d" % i: b"v" * 100 for i in range(5000)})
"""


class Exit(Case):
    def after(self, source, code=0):
        """Runs a program that leaves the database open: it must end quietly and
        leave a database that was closed cleanly."""
        out = script(OPEN + source, code=code, limit=30)
        self.assertEqual(out.err, "")
        with Database.open("db") as db:
            self.assertFalse(db.stats()["unclean_start"])
            self.assertGreaterEqual(len(db), 5000)
        return out

    def test_open_handles(self):
        self.after("snapshot, scan, other = db.snapshot(), db.scan(), db.scan(sorted=True)\nnext(scan)\nnext(iter(db.items()))")

    def test_handles_in_a_cycle(self):
        self.after("class Node: pass\nnode = Node(); node.self = node; node.db = db; node.scan = db.scan(); next(node.scan); del db, node")

    def test_daemon_threads_that_go_on(self):
        """They are in the middle of calls while the interpreter ends under them."""
        source = """
def work(do):
    def loop():
        while True:
            try: do()
            except Exception: pass
    threading.Thread(target=loop, daemon=True).start()
for do in (lambda: db.get(b"7"), lambda: db.put(b"7", b"w"), lambda: list(db.scan()), lambda: len(db), lambda: db.snapshot().close()):
    work(do)
time.sleep(0.3)
"""
        for _ in range(4):
            self.after(source)

    def test_daemon_threads_that_wait(self):
        self.after("threading.Thread(target=lambda: Database.open('db'), daemon=True).start()\ntime.sleep(0.2)")

    def test_daemon_threads_with_a_backup(self):
        source = """
def work():
    try: db.backup("full%d")
    except Exception: pass
threading.Thread(target=work, daemon=True).start()
time.sleep(%g)
"""
        for round in range(4):
            self.after(source % (round, 0.005 * round))

    def test_by_an_exception(self):
        out = script(OPEN + "raise SystemExit(3)", code=3)
        self.assertEqual(out.err, "")
        with Database.open("db") as db:
            self.assertFalse(db.stats()["unclean_start"])

    def test_use_at_the_end(self):
        """Handlers that were registered after the first use run before ours. No thread
        can be started there any more, as of Python 3.12."""
        out = self.after(
            "import atexit\n"
            "atexit.register(lambda: print(len(db), len(db.scan_prefix(b'49')), len(list(db.scan(sorted=True)))))\n"
            "atexit.register(lambda: (db.backup('full'), Database.restore('copy', 'full')))\n"
        )
        self.assertEqual(out, "5000 111 5000\n")
        with Database.open_ro("copy") as copy:
            self.assertEqual(len(copy), 5000)

    def test_use_at_the_very_end(self):
        """Handlers that were registered before the first use run after ours."""
        out = script(
            "import atexit\n"
            "def late():\n"
            "    try: print(db.get(b'7'))\n"
            "    except ValueError as err: print(type(err).__name__)\n"
            "atexit.register(late)\n" + OPEN
        )
        self.assertEqual((out, out.err), ("Closed\n", ""))
