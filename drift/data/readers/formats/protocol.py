"""What reads files of one format."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd


class FileFormat(Protocol):
    """A module that reads files of one format.

    Attributes:
        SUFFIX: what names of such files end in, in lower case.
    """

    SUFFIX: str

    def chunks(
        self, file: Path, *, wanted: list[str] | None, ignore: Sequence[str], texts: Sequence[str], rows: int
    ) -> Iterator[pd.DataFrame]:
        """Some rows at a time, with values as the file has them or typed.

        Args:
            file: to be read.
            wanted: columns; all but the ignored ones by default.
            ignore: columns that are not read.
            texts: columns that are read as they are written, such as keys.
            rows: about as many at a time.
        """
        ...

    def whole(
        self, file: Path, *, wanted: Collection[str], ignore: Collection[str], texts: Collection[str]
    ) -> pd.DataFrame:
        """All rows; columns that are ignored, or not among those wanted if any are, are there and empty."""
        ...
