#!/usr/bin/env python3
"""Measures the package beside Go, sqlite3 and dbm, in one run on one folder.

    bench.py [--pairs N] [--puts N] [--folder DIR]

Run it with a Python that has the package installed, from the checkout. Keys have
16 bytes, values 100. What is durable when a call returns stands in the table.
"""

import argparse
import dbm
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

from quiverdb import Database

STEP = 7919  # what keys are visited by; it has no common divisor with the default number of pairs
VALUE = b"v" * 100
HERE = Path(__file__).resolve().parent


def key(i):
    return b"key-%012d" % i


def timed(do, n):
    """Nanoseconds for each of the n parts of what do does."""
    began = time.perf_counter()
    do()
    return (time.perf_counter() - began) / n * 1e9


def of_gets(get, order):
    """The best of stretches of 1000 calls: what other programs did meanwhile is not asked for."""

    def stretch(keys):
        def do():
            for one in keys:
                get(one)

        return timed(do, len(keys))

    return min(stretch(order[i : i + 1000]) for i in range(0, len(order), 1000))


def of_scan(scan, n):
    def do():
        count = 0
        for _ in scan():
            count += 1
        assert count == n, count

    return min(timed(do, n) for _ in range(3))


def of_puts(put, n):
    return timed(lambda: [put(key(i), VALUE) for i in range(n)], n)


def quiverdb(folder, pairs, puts, order):
    path = os.path.join(folder, "quiver")
    Database.init_db(path, 4096, 1024)
    took = {}

    def load():
        for first in range(0, pairs, 10000):
            with db.batch() as batch:
                for i in range(first, min(pairs, first + 10000)):
                    batch.put(key(i), VALUE)

    with Database.open(path) as db:
        took["load"] = timed(load, pairs)
        took["put"] = of_puts(db.put, puts)
        took["get"] = of_gets(db.get, order)
        took["get, one key"] = of_gets(db.get, order[:1] * len(order))
        took["in"] = of_gets(db.has, order)
        took["scan"] = of_scan(db.scan, pairs)
        took["scan, keys"] = of_scan(lambda: db, pairs)
        took["scan, list"] = of_scan(db.scan_all, pairs)
    with Database.open(path, data_fsync=False) as db:
        took["put, log only"] = of_puts(db.put, puts)
    done = subprocess.run(["go", "run", ".", path, str(pairs), str(puts)], cwd=str(HERE), stdout=subprocess.PIPE, check=True)
    return took, json.loads(done.stdout)


def sqlite(folder, pairs, puts, order):
    db = sqlite3.connect(os.path.join(folder, "sqlite"), isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")  # as durable as ours
    db.execute("CREATE TABLE pairs (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
    put = lambda k, v: db.execute("INSERT OR REPLACE INTO pairs VALUES (?, ?)", (k, v))  # noqa: E731

    def load():
        for first in range(0, pairs, 10000):
            db.execute("BEGIN")
            for i in range(first, min(pairs, first + 10000)):
                put(key(i), VALUE)
            db.execute("COMMIT")

    took = {"load": timed(load, pairs), "put, log only": of_puts(put, puts)}
    get = lambda k: db.execute("SELECT value FROM pairs WHERE key = ?", (k,)).fetchone()[0]  # noqa: E731
    took["get"] = of_gets(get, order)
    took["get, one key"] = of_gets(get, order[:1] * len(order))
    took["in"] = of_gets(lambda k: db.execute("SELECT 1 FROM pairs WHERE key = ?", (k,)).fetchone(), order)
    took["scan"] = of_scan(lambda: db.execute("SELECT key, value FROM pairs"), pairs)
    took["scan, keys"] = of_scan(lambda: db.execute("SELECT key FROM pairs"), pairs)
    took["scan, list"] = of_scan(lambda: db.execute("SELECT key, value FROM pairs").fetchall(), pairs)
    db.close()
    return took


def of_dbm(folder, pairs, puts, order):
    path = os.path.join(folder, "dbm")
    with dbm.open(path, "n") as db:
        took = {"load": timed(lambda: [db.__setitem__(key(i), VALUE) for i in range(pairs)], pairs)}
        took["put, no sync"] = of_puts(db.__setitem__, puts)
        took["get"] = of_gets(db.__getitem__, order)
        took["get, one key"] = of_gets(db.__getitem__, order[:1] * len(order))
        took["in"] = of_gets(db.__contains__, order)
        took["scan"] = of_scan(lambda: ((k, db[k]) for k in db.keys()), pairs)
        took["scan, keys"] = of_scan(db.keys, pairs)
    return dbm.whichdb(path), took


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--pairs", type=int, default=100000)
    options.add_argument("--puts", type=int, default=300, help="durable ones, each with its syncs")
    options.add_argument("--folder", help="where the databases go for a while (a temporary folder)")
    given = options.parse_args()
    order = [key(i * STEP % given.pairs) for i in range(given.pairs)]
    folder = tempfile.mkdtemp(prefix="quiverdb-bench", dir=given.folder)
    try:
        ours, go = quiverdb(folder, given.pairs, given.puts, order)
        columns = {"quiverdb": ours, "Go": go, "sqlite3": sqlite(folder, given.pairs, given.puts, order)}
        kind, took = of_dbm(folder, given.pairs, given.puts, order)
        columns[kind] = took
    finally:
        shutil.rmtree(folder)
    show(columns, given)


def show(columns, given):
    print("%d pairs of 16 and 100 bytes, %d durable puts; us a call or pair, the scans also in pairs/s" % (given.pairs, given.puts))
    print("%-14s" % "" + "".join("%22s" % name for name in columns))
    for row in ("get", "get, one key", "in", "put", "put, log only", "put, no sync", "load", "scan", "scan, keys", "scan, list"):
        cells = []
        for took in columns.values():
            ns = took.get(row)
            cell = "" if ns is None else "%.2f" % (ns / 1e3)
            if ns is not None and row.startswith("scan"):
                cell += " (%s/s)" % format(int(1e9 / ns), ",")
            cells.append("%22s" % cell)
        print("%-14s" % row + "".join(cells))


if __name__ == "__main__":
    main()
