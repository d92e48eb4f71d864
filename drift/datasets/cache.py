"""Where what was downloaded is kept: one folder of the user's, for all projects."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$DRIFT_CACHE`, or `$XDG_CACHE_HOME/drift`, or `~/.cache/drift`; it need not be there yet."""
    if named := os.environ.get("DRIFT_CACHE"):
        return Path(named).absolute()
    caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return caches.absolute() / "drift"
