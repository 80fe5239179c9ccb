"""Writes wheels: zip files with a list of what is in them."""

import base64
import hashlib
import re
import sysconfig
import zipfile
from pathlib import Path

import golibrary

FOLDER = Path(__file__).resolve().parent.parent
# Equal inputs give equal wheels; a zip file knows no time before this one.
TIME = (1980, 1, 1, 0, 0, 0)


def field(text, name):
    return re.search(r'(?m)^%s = "(.*)"$' % re.escape(name), text).group(1)


def version():
    return field((FOLDER / "quiverdb" / "_version.py").read_text(), "__version__")


def metadata():
    project = (FOLDER / "pyproject.toml").read_text(encoding="utf-8")
    lines = [
        "Metadata-Version: 2.1",
        "Name: quiverdb",
        "Version: " + version(),
        "Summary: " + field(project, "description"),
        "License: MIT",
        "License-File: LICENSE",
        "Requires-Python: " + field(project, "requires-python"),
        "Description-Content-Type: text/markdown",
        "",
        (FOLDER / "README.md").read_text(encoding="utf-8"),
    ]
    return "\n".join(lines)


def info(tag):
    """The files of the .dist-info folder but RECORD."""
    wheel = "Wheel-Version: 1.0\nGenerator: quiverdb\nRoot-Is-Purelib: false\nTag: %s\n" % tag
    return {"LICENSE": (golibrary.checkout() / "LICENSE").read_bytes(), "METADATA": metadata().encode(), "WHEEL": wheel.encode()}


def info_folder():
    return "quiverdb-%s.dist-info" % version()


def plain_tag():
    """Any Python 3 on this kind of machine: no promise about other systems' glibc."""
    return "py3-none-" + re.sub(r"[-.]", "_", sysconfig.get_platform())


def write(folder, library, tag):
    """Writes the wheel around a built library and gives its file name."""
    name = "quiverdb-%s-%s.whl" % (version(), tag)
    files = {}
    for path in sorted((FOLDER / "quiverdb").iterdir()):
        if path.suffix in (".py", ".pyi") or path.name == "py.typed":
            files["quiverdb/" + path.name] = path.read_bytes()
    files["quiverdb/" + library.name] = library.read_bytes()
    files.update((info_folder() + "/" + base, content) for base, content in info(tag).items())
    record = info_folder() + "/RECORD"
    rows = ["%s,sha256=%s,%d" % (path, digest(content), len(content)) for path, content in files.items()]
    files[record] = ("\n".join(rows + [record + ",,"]) + "\n").encode()
    with zipfile.ZipFile(str(Path(folder) / name), "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if path.endswith(".so") else 0o100644) << 16
            wheel.writestr(entry, content)
    return name


def digest(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
