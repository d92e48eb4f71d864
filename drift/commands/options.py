"""Options that belong to no record of the library, each declared once and shared by the commands that take it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from drift.system.options import MORE, Option

Json = Annotated[Path | None, Option("Also write the numbers to this file.", MORE)]
Resume = Annotated[bool, Option("Go on with what was interrupted.")]
Port = Annotated[int | None, Option("Port of our TorchServe. Default, and 0: any free one.", MORE, min=0, max=65535)]
Page = Annotated[Path | None, Option("Where the page goes. Default: reports/.", MORE, name="html")]
