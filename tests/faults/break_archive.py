"""Run a command whose archives of one version hold a file that is no model, under a digest that fits it.

python break_archive.py VERSION -- deploy ...
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

from drift.serving.torchserve import archive


def break_archive(broken: int) -> None:
    """Let `build_archive` pack rubbish for version `broken`."""
    build = archive.build_archive

    def build_broken(model_file: Path, **options: Any) -> Path:
        if options["version"] == broken:
            model_file.write_bytes(b"not a program")
            options["digest"] = hashlib.sha256(b"not a program").hexdigest()
        return build(model_file, **options)

    archive.build_archive = build_broken


if __name__ == "__main__":
    split = sys.argv.index("--")
    break_archive(int(sys.argv[1]))
    sys.argv = ["drift", *sys.argv[split + 1 :]]
    from drift.__main__ import main

    main()
