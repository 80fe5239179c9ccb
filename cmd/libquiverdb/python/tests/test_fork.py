"""Forks: refused with advice after the library was loaded, fine before.

Everything runs in processes of its own with a hard time limit: what these tests
guard against is a hang.
"""

import multiprocessing
import os
import unittest

from kit import Case, script

LIMIT = 60

CHILD = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of a fork with threads, which is what is tried here
import quiverdb
from quiverdb import Database

def in_child(do):
    "The exit code of a forked child that does it."
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = do() or 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if hasattr(os, "waitstatus_to_exitcode") else os.WEXITSTATUS(os.waitpid(child, 0)[1])
"""

# Here the functions stand in a file: spawn and forkserver import it.
WORKER = """
import quiverdb
from quiverdb import Database

def put(path, n, answers):
    with Database.open(path) as db:  # waits for the lock of the others
        db.put(b"%d" % n, b"v")
        answers.put((n, db.get(b"%d" % n)))

def read(path, n, answers):
    try:
        with Database.open_ro(path) as db:
            answers.put((n, len(db)))
    except quiverdb.ForkError as err:
        answers.put((n, str(err)))

def fail(path, n, answers):
    Database.open_ro(path)
"""

PARENT = """
import multiprocessing, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import worker
from quiverdb import Database

def children(context, function, n=3):
    answers = context.Queue()
    processes = [context.Process(target=function, args=("db", i, answers)) for i in range(n)]
    for process in processes:
        process.start()
    found = sorted(answers.get(timeout=30) for _ in processes)
    for process in processes:
        process.join(30)
        assert process.exitcode == 0, process.exitcode
    return found

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
"""


class Forks(Case):
    def test_every_call_is_refused_afterwards(self):
        out = script(
            CHILD
            + """
Database.init_db("db", 4096, 16)
db = Database.open("db")
db.put(b"k", b"v")
snapshot, scan, batch = db.snapshot(), db.scan(), db.batch()
batch.put(b"x", b"y")
calls = {
    "put": lambda: db.put(b"k", b"w"), "get": lambda: db.get(b"k"), "has": lambda: db.has(b"k"), "delete": lambda: db.delete(b"k"),
    "len": lambda: len(db), "iter": lambda: list(db), "in": lambda: b"k" in db, "scan": lambda: db.scan(), "next": lambda: list(scan),
    "scan_all": db.scan_all, "scan_prefix": lambda: db.scan_prefix(b"k"), "delete_prefix": lambda: db.delete_prefix(b""),
    "batch": batch.write, "sync": db.sync, "checkpoint": db.checkpoint, "last_lsn": db.last_lsn, "stats": db.stats,
    "snapshot": db.snapshot, "snapshots": db.snapshots, "snapshot.get": lambda: snapshot.get(b"k"), "backup": lambda: db.backup("full"),
    "open": lambda: Database.open("db2"), "open_ro": lambda: Database.open_ro("db"), "init": lambda: Database.init_db("db3", 4096, 1),
    "restore": lambda: Database.restore("a", "b"), "check": lambda: Database.check("db"), "close": db.close,
    "snapshot.close": snapshot.close,
}
def child():
    for name, call in calls.items():
        try:
            call()
            print("not refused:", name)
        except quiverdb.ForkError as err:
            assert isinstance(err, RuntimeError) and "spawn" in str(err) and "after the fork" in str(err), err
assert in_child(child) == 0
assert db.get(b"k") == b"v"  # the parent is not concerned
db.put(b"k", b"w")
db.close()
print("done")
""",
            limit=LIMIT,
        )
        self.assertEqual(out, "done\n")

    def test_a_child_may_load_what_its_parent_has_not(self):
        out = script(
            CHILD
            + """
def child():
    Database.init_db("db", 4096, 16)
    with Database.open("db") as db:
        db.put(b"k", b"v")
        assert db.scan_all() == [(b"k", b"v")]
        db.backup("full")
for _ in range(5):
    import shutil
    shutil.rmtree("full", True)
    assert in_child(child) == 0
with Database.open("db") as db:
    print(db.get(b"k"))
""",
            limit=LIMIT,
        )
        self.assertEqual(out, "b'v'\n")

    def test_children_of_children(self):
        out = script(
            CHILD
            + """
def grandchild():
    try: Database.open_ro("db")
    except quiverdb.ForkError: return 7
def child():
    Database.init_db("db", 4096, 16)
    assert in_child(grandchild) == 7
assert in_child(child) == 0
print("done")
""",
            limit=LIMIT,
        )
        self.assertEqual(out, "done\n")

    def test_a_child_that_ends_leaves_the_parent_its_database(self):
        """Python's own clean-up in the child: collection and exit handlers."""
        out = script(
            CHILD
            + """
import gc
Database.init_db("db", 4096, 16)
db = Database.open("db")
def child():
    global db
    del db
    gc.collect()
    sys.exit()  # not os._exit
child_id = os.fork()
if child_id == 0:
    child()
assert os.waitpid(child_id, 0)[1] == 0
db.put(b"k", b"v")
print(db.get(b"k"))
""",
            limit=LIMIT,
        )
        self.assertEqual(out, "b'v'\n")

    def test_a_new_program_may_use_it(self):
        self.opened().put(b"k", b"v")
        self.assertEqual(script("import quiverdb; quiverdb.Database.init_db('x', 4096, 1); print('fine')", limit=LIMIT), "fine\n")


class Multiprocessing(Case):
    def setUp(self):
        super().setUp()
        self.made()
        with open("worker.py", "w") as file:
            file.write(WORKER)

    def run_parent(self, source, method):
        # The main module is a file, as spawn and forkserver need it.
        with open("parent.py", "w") as file:
            file.write(PARENT + source)
        return script("import runpy, sys; sys.path.insert(0, '.'); runpy.run_path('parent.py', run_name='__main__')", method, limit=LIMIT)

    def test_children_use_the_database_when_the_parent_has_not_loaded_the_library(self):
        for method in multiprocessing.get_all_start_methods():
            with self.subTest(method):
                out = self.run_parent("    print(children(context, worker.put))\n    print(children(context, worker.read))", method)
                self.assertEqual(out, "[(0, b'v'), (1, b'v'), (2, b'v')]\n[(0, 3), (1, 3), (2, 3)]\n")

    def test_after_the_parent_has_loaded_it(self):
        for method in multiprocessing.get_all_start_methods():
            with self.subTest(method):
                source = "    Database.open('db').close()\n    print(children(context, worker.read))"
                out = self.run_parent(source, method)
                if method == "fork":
                    self.assertEqual(out.count("was forked after"), 3, out)
                else:
                    self.assertEqual(out, "[(0, 0), (1, 0), (2, 0)]\n")

    def test_exceptions_come_back_through_a_pool(self):
        source = (
            "    with context.Pool(1) as pool:\n"
            "        try: pool.apply(worker.fail, ('absent', 0, None))\n"
            "        except FileNotFoundError as err: print(type(err).__name__, err.kind, err.errno)"
        )
        for method in multiprocessing.get_all_start_methods():
            with self.subTest(method):
                self.assertEqual(self.run_parent(source, method), "NoDatabase no_database 2\n")


if not hasattr(os, "fork"):
    raise unittest.SkipTest("this system has no fork")
