"""Builds the C library of the checkout with the Go and the C compiler of the machine."""

import os
import platform
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

MODULE = "github.com/quiverdb/quiverdb-go"
PACKAGE = "./cmd/libquiverdb"
LIBRARY = "libquiverdb.so"


class BuildError(SystemExit):
    """Ends the build with a message instead of a traceback."""

    def __init__(self, message):
        super().__init__("quiverdb: " + message)


def checkout():
    """The folder of go.mod: above this file, or named by QUIVERDB_CHECKOUT."""
    named = os.environ.get("QUIVERDB_CHECKOUT")
    for folder in [Path(named)] if named else Path(__file__).resolve().parents:
        mod = folder / "go.mod"
        if mod.is_file() and ("module " + MODULE) in mod.read_text():
            return folder
    raise BuildError(
        "the Go sources were not found: %s. Install from a checkout "
        "(pip install ./cmd/libquiverdb/python). pip before 21.3 copies the folder away first: "
        "upgrade it, or set QUIVERDB_CHECKOUT to the checkout."
        % (named + " has no go.mod of " + MODULE if named else "no go.mod above " + os.path.abspath(__file__))
    )


def output(command, cwd, env):
    try:
        return subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as err:
        raise BuildError("%s failed: %s" % (" ".join(command), err))


def release(text):
    """'go1.26.8' or '1.26.0' as numbers that compare."""
    found = re.search(r"(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else (0, 0)


def tools(root):
    """The environment of the Go command, once all that is needed is there."""
    if not platform.system() == "Linux":
        raise BuildError("the Python package is for Linux with glibc, not for %s" % platform.system())
    if "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or ""):
        raise BuildError("a Go library cannot be loaded by a Python on musl (Alpine): it needs glibc")
    if not shutil.which("go"):
        raise BuildError("the command go was not found; install Go and put it on the PATH")
    # A newer toolchain is not fetched behind the user's back: that needs a network.
    env = dict(os.environ, CGO_ENABLED="1", GOTOOLCHAIN="local", GOWORK="off")
    wanted = re.search(r"(?m)^go (\S+)$", (root / "go.mod").read_text()).group(1)
    # Outside of the module, where an older Go answers too.
    has, compiler = output(["go", "env", "GOVERSION", "CC"], cwd=os.path.abspath(os.sep), env=env).splitlines()
    if release(has) < release(wanted):
        raise BuildError("Go %s or newer is needed, this is %s" % (wanted, has))
    if not shutil.which(compiler.split()[0]):
        raise BuildError("the C compiler %s was not found; install gcc, or name another one in CC" % compiler)
    return env


def build(into):
    """Builds the library in the folder and gives its path."""
    root = checkout()
    env = tools(root)
    library = Path(into) / LIBRARY
    command = ["go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", str(library), PACKAGE]
    made = subprocess.run(command, cwd=str(root), env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    if made.returncode != 0:
        raise BuildError("%s failed in %s:\n%s" % (" ".join(command), root, made.stdout))
    return library
