"""Ctrl-C while the library works."""

import os
import signal
import time

from kit import Case, script, started
from quiverdb import Database, _wait

# Prints how long after the signal KeyboardInterrupt came, in seconds.
TIMED = """
import os, signal, sys, threading, time
import quiverdb
from quiverdb import Database
sent = []
def interrupt(after):
    def send():
        time.sleep(after)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=send).start()
def timed(do, after=0.3):
    interrupt(after)
    try:
        do()
        print("not interrupted")
    except KeyboardInterrupt:
        print("%.3f" % (time.monotonic() - sent[0]))
"""


class CtrlC(Case):
    def interrupted(self, source, within=3):
        out = script(TIMED + source)
        first, _, rest = out.partition("\n")
        self.assertLess(float(first), within)
        return rest

    def test_while_it_waits_for_a_lock(self):
        self.opened()
        self.interrupted("timed(lambda: Database.open('db'))")

    def test_what_was_left_behind_gets_closed(self):
        """The wait for the lock goes on behind the scenes; what it gives is closed."""
        db = self.opened()
        process = started(
            TIMED
            + "timed(lambda: Database.open('db'))\n"
            + "print('let go', flush=True); sys.stdin.readline()\n"
            + "time.sleep(0.5)\n"
            + "with Database.open('db') as db: print(db.get(b'k'))",
            stdin=-1,
        )
        process.stdout.readline()
        self.assertEqual(process.stdout.readline(), "let go\n")
        db.put(b"k", b"v")
        db.close()
        out, err = process.communicate("\n", timeout=30)
        self.assertEqual((out, process.returncode), ("b'v'\n", 0), err)

    def test_nothing_is_lost_when_both_come_at_once(self):
        """The signal may come when the work has just ended, and before or after its
        thread has said so."""
        for order in (("run", "abandon"), ("abandon", "run")):
            dropped = []
            task = _wait._Task(lambda: "handle", dropped.append)
            for step in order:
                getattr(task, step)()
            self.assertEqual(dropped, ["handle"], order)

    def fill(self, megabytes):
        with self.opened() as db:
            for i in range(megabytes):
                with db.batch(sync=False) as batch:
                    for j in range(16):
                        batch.put(b"%d-%d" % (i, j), os.urandom(65536))

    def test_a_backup_is_cancelled(self):
        self.fill(40)
        # As soon as the backup has begun to write.
        rest = self.interrupted(
            "def watch():\n"
            "    while not (os.path.exists('full') and os.listdir('full')): time.sleep(0.0005)\n"
            "    sent.append(time.monotonic()); os.kill(os.getpid(), signal.SIGINT)\n"
            "db = Database.open('db')\n"
            "threading.Thread(target=watch, daemon=True).start()\n"
            "try:\n"
            "    db.backup('full'); print('not interrupted')\n"
            "except KeyboardInterrupt:\n"
            "    print('%.3f' % (time.monotonic() - sent[0]))\n"
            "print(os.path.exists('full/manifest.json'), threading.active_count())\n"
            "db.backup('full')\n"
            "Database.restore('copy', 'full')\n"
        )
        self.assertEqual(rest, "False 1\n")
        with Database.open_ro("copy") as copy:
            self.assertEqual(len(copy), 640)

    def test_a_restore_is_cancelled(self):
        self.fill(40)
        with Database.open("db") as db:
            db.backup("full")
        rest = self.interrupted(
            "def watch():\n"
            "    while not os.path.exists('copy'): time.sleep(0.0005)\n"
            "    sent.append(time.monotonic()); os.kill(os.getpid(), signal.SIGINT)\n"
            "threading.Thread(target=watch, daemon=True).start()\n"
            "try:\n"
            "    Database.restore('copy', 'full'); print('not interrupted')\n"
            "except KeyboardInterrupt:\n"
            "    print('%.3f' % (time.monotonic() - sent[0]))\n"
            "try: Database.open('copy')\n"
            "except quiverdb.NoDatabase: print('no database')\n"
            "except quiverdb.Incomplete: print('incomplete')\n"
            "Database.restore('copy', 'full')\n"
        )
        self.assertIn(rest, ("incomplete\n", "no database\n"))
        with Database.open_ro("copy") as copy:
            self.assertEqual(len(copy), 640)

    def test_a_scan_ends(self):
        with self.opened() as db, db.batch() as batch:
            batch.update({b"%d" % i: b"v" for i in range(50000)})
        for do in ("sum(1 for _ in db.scan())", "db.scan_all()", "len(db)", "list(db.scan(b'4'))", "list(db.scan(sorted=True))"):
            with self.subTest(do):
                rest = self.interrupted(
                    "db = Database.open('db')\n"
                    "def forever():\n"
                    "    while True: %s\n"
                    "timed(forever)\n"
                    "print(len(db), len(db.scan_prefix(b'4')))" % do
                )
                self.assertEqual(rest, "50000 11111\n")

    def test_puts_end(self):
        self.made()
        rest = self.interrupted(
            "db = Database.open('db')\n"
            "done = []\n"
            "def forever():\n"
            "    while True: db.put(b'%d' % len(done), b'v'); done.append(1)\n"
            "timed(forever)\n"
            "print(len(done) in (len(db), len(db) - 1))"
        )
        self.assertEqual(rest, "True\n")

    def test_other_handlers_run_too(self):
        """A handler that raises nothing does not disturb the call."""
        self.opened()
        out = script(
            "import signal, threading, os, time, quiverdb\n"
            "seen = []\n"
            "signal.signal(signal.SIGUSR1, lambda *_: seen.append(time.monotonic()))\n"
            "began = time.monotonic()\n"
            "threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1)).start()\n"
            "try: quiverdb.Database.open('db')\n"
            "except quiverdb.Locked: print(len(seen), seen[0] - began < 2, time.monotonic() - began > 4)"
        )
        self.assertEqual(out, "1 True True\n")

    def test_the_default_action_of_a_signal_stays(self):
        process = started("import quiverdb, time\nquiverdb.Database.init_db('x', 4096, 1)\nprint('up', flush=True)\ntime.sleep(60)")
        process.stdout.readline()
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, -signal.SIGTERM)
        self.assertLess(time.monotonic() - began, 5)
