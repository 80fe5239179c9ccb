"""The build backend that pyproject.toml names (PEP 517): pip calls these functions."""

import tempfile
from pathlib import Path

import golibrary
import wheelfile


class UnsupportedOperation(Exception):
    """What a front end is told that asks for something that is not to be had."""


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = Path(metadata_directory) / wheelfile.info_folder()
    folder.mkdir()
    for name, content in wheelfile.info(wheelfile.plain_tag()).items():
        (folder / name).write_bytes(content)
    return folder.name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with tempfile.TemporaryDirectory() as work:
        return wheelfile.write(wheel_directory, golibrary.build(work), wheelfile.plain_tag())


def build_sdist(sdist_directory, config_settings=None):
    raise UnsupportedOperation(
        "quiverdb has no source archive of its own: its library is built from the Go checkout. Build a wheel with build_wheel.py."
    )
