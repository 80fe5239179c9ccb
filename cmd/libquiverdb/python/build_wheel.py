#!/usr/bin/env python3
"""Builds a wheel of the package from this checkout.

    build_wheel.py [FOLDER]                the tag says this kind of machine, no more
    build_wheel.py --manylinux [FOLDER]    the tag names the oldest glibc that the library runs with

It needs what pip install needs too: Go and a C compiler; --manylinux also
objdump, of the same package as gcc's linker. FOLDER is . by default.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "backend"))
import golibrary  # noqa: E402
import wheelfile  # noqa: E402

# What the manylinux rules let a library take from the system, as far as Go asks for it.
SYSTEM = {"libc.so.6", "libpthread.so.0", "libdl.so.2", "libresolv.so.2", "librt.so.1", "libm.so.6"}


def manylinux_tag(library):
    """The tag by what the library asks of the system, as its dynamic section has it."""
    try:
        dump = subprocess.run(["objdump", "-p", str(library)], stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout
    except (OSError, subprocess.CalledProcessError) as err:
        raise golibrary.BuildError("objdump is needed to find out the glibc: %s" % err)
    needed = set(re.findall(r"NEEDED\s+(\S+)", dump))
    strange = {name for name in needed - SYSTEM if not name.startswith("ld-linux")}
    if strange:
        raise golibrary.BuildError("not a manylinux library: it needs " + ", ".join(sorted(strange)))
    versions = [tuple(map(int, v.split("."))) for v in re.findall(r"\bGLIBC_(\d+\.\d+)", dump)]
    if not versions:
        raise golibrary.BuildError("objdump tells no version of glibc for " + library.name)
    machine = wheelfile.plain_tag().split("linux_", 1)[1]
    return "py3-none-manylinux_%d_%d_%s" % (max(versions) + (machine,))


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--manylinux", action="store_true", help="name the oldest glibc in the tag")
    options.add_argument("folder", nargs="?", default=".", help="where the wheel goes")
    given = options.parse_args()
    Path(given.folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        library = golibrary.build(work)
        tag = manylinux_tag(library) if given.manylinux else wheelfile.plain_tag()
        print(Path(given.folder) / wheelfile.write(given.folder, library, tag))


if __name__ == "__main__":
    main()
