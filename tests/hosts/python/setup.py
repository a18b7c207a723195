"""Takes the shared library into the package, if it is there: LANEQ_LIBRARY, or the repository's own build."""

import os
import shutil
import sys
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).resolve().parent
NAME = "liblaneq.dylib" if sys.platform == "darwin" else "liblaneq.so"


def take_library() -> None:
    built = HERE.parents[2] / "target" / "release" / NAME
    source = Path(os.environ.get("LANEQ_LIBRARY") or built)
    if source.is_file():
        shutil.copyfile(source, HERE / "laneq" / NAME)
    else:
        print(f"no {source}: the package will look for {NAME} when it is imported")


take_library()
setup()
