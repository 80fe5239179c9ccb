"""The build backend: what is in a wheel, and what it says where something is missing."""

import base64
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import quiverdb
from kit import FOLDER, Case, checkout, script

BACKEND = "import sys; sys.path.insert(0, %r)\n" % str(FOLDER / "backend")


class Wheel(Case):
    def wheel(self):
        """A wheel around a file that stands for the library."""
        Path("libquiverdb.so").write_bytes(b"\x7fELF of a test")
        name = script(BACKEND + "import wheelfile, pathlib; print(wheelfile.write('.', pathlib.Path('libquiverdb.so'), 'py3-none-linux_x86_64'))")
        return name.strip()

    def test_holds_the_package_and_its_record(self):
        name = self.wheel()
        self.assertEqual(name, "quiverdb-%s-py3-none-linux_x86_64.whl" % quiverdb.version)
        with zipfile.ZipFile(name) as wheel:
            names = wheel.namelist()
            info = "quiverdb-%s.dist-info/" % quiverdb.version
            sources = {"quiverdb/" + p.name for p in (FOLDER / "quiverdb").iterdir() if p.suffix in (".py", ".pyi", ".typed")}
            self.assertEqual(set(names), sources | {"quiverdb/libquiverdb.so"} | {info + n for n in ("LICENSE", "METADATA", "WHEEL", "RECORD")})
            self.assertIn("quiverdb/py.typed", names)
            self.assertEqual(names[-1], info + "RECORD")
            rows = [row.rsplit(",", 2) for row in wheel.read(info + "RECORD").decode().splitlines()]
            self.assertEqual([path for path, _, _ in rows], names)
            for path, digest, size in rows[:-1]:
                content = wheel.read(path)
                expected = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                self.assertEqual((digest, int(size)), ("sha256=" + expected, len(content)))
            metadata = wheel.read(info + "METADATA").decode()
            self.assertIn("\nVersion: %s\n" % quiverdb.version, metadata)
            self.assertIn("\nRequires-Python: >=3.8\n", metadata)
            self.assertIn("Tag: py3-none-linux_x86_64\n", wheel.read(info + "WHEEL").decode())
            self.assertEqual(stat.S_IMODE(wheel.getinfo("quiverdb/libquiverdb.so").external_attr >> 16), 0o755)

    def test_equal_inputs_give_equal_wheels(self):
        first = Path(self.wheel()).read_bytes()
        os.remove(self.wheel())
        self.assertEqual(Path(self.wheel()).read_bytes(), first)

    def test_metadata_alone(self):
        os.mkdir("into")
        folder = script(BACKEND + "import quiverdb_build as b; print(b.get_requires_for_build_wheel(), b.prepare_metadata_for_build_wheel('into'))")
        self.assertEqual(folder, "[] quiverdb-%s.dist-info\n" % quiverdb.version)
        self.assertIn("Name: quiverdb", Path("into", folder.split()[1], "METADATA").read_text())

    def test_no_source_archive(self):
        out = script(BACKEND + "import quiverdb_build as b\ntry: b.build_sdist('.')\nexcept b.UnsupportedOperation as err: print(err)")
        self.assertIn("checkout", out)

    def test_the_tag_names_the_glibc_of_the_library(self):
        name = "import pathlib, quiverdb, quiverdb._lib\nimport sys; sys.path.insert(0, %r)\nimport build_wheel\n" % str(FOLDER)
        tag = script(name + "print(build_wheel.manylinux_tag(pathlib.Path(quiverdb._lib.path())))").strip()
        self.assertRegex(tag, r"^py3-none-manylinux_2_\d+_\w+$")
        # A program that asks for no more than the tag's version of glibc loads it.
        wanted = tuple(map(int, tag.split("_")[1:3]))
        self.assertLessEqual(wanted, tuple(map(int, os.confstr("CS_GNU_LIBC_VERSION").split()[1].split("."))))


class Refusals(Case):
    """What the machine lacks is said in a sentence, before anything is built."""

    def build(self, **environment):
        source = BACKEND + "import golibrary; golibrary.build('.')"
        return script(source, env=dict(os.environ, QUIVERDB_CHECKOUT=str(checkout()), **environment), code=1).err

    def tool(self, name, text):
        os.makedirs("bin", exist_ok=True)
        path = Path("bin", name)
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return os.path.abspath("bin")

    def test_no_go(self):
        self.assertIn("install Go", self.build(PATH="/nowhere"))

    def test_an_old_go(self):
        path = self.tool("go", "printf 'go1.20.3\\ngcc\\n'")
        self.assertIn("or newer is needed, this is go1.20.3", self.build(PATH=path))

    def test_no_compiler(self):
        path = self.tool("go", "printf 'go1.99\\nno-such-compiler\\n'")
        self.assertIn("no-such-compiler was not found; install gcc", self.build(PATH=path))

    def test_what_the_compiler_says(self):
        path = self.tool("go", 'case "$1" in env) printf "go1.99\\n/bin/sh\\n";; *) echo "the reason" >&2; exit 1;; esac')
        self.assertIn("the reason", self.build(PATH=path))

    def test_no_checkout(self):
        shutil.copytree(str(FOLDER / "backend"), "copy")
        source = "import sys; sys.path.insert(0, 'copy')\nimport golibrary; golibrary.build('.')"
        environment = {name: value for name, value in os.environ.items() if name != "QUIVERDB_CHECKOUT"}
        self.assertIn("pip install ./cmd/libquiverdb/python", script(source, env=environment, code=1).err)
        environment["QUIVERDB_CHECKOUT"] = self.folder
        self.assertIn("has no go.mod", script(source, env=environment, code=1).err)

    def test_the_script_tells_its_use(self):
        out = subprocess.run([sys.executable, str(FOLDER / "build_wheel.py"), "--help"], stdout=subprocess.PIPE, check=True).stdout
        self.assertIn(b"--manylinux", out)
