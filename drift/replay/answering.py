"""How stored versions answer a block: from what they answered to earlier blocks, whose labels are known by now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from drift.blocks import Block, Floats, Table
from drift.replay.versions import Version


class Answering(Protocol):
    """One protocol for every way to answer from the versions trained so far."""

    name: str

    def answer(self, block: Block, versions: Sequence[Version], table: Table) -> Floats:
        """Class probabilities of a block, (n, classes).

        Args:
            block: to answer; its own labels are not to be looked at, nor later rows.
            versions: trained so far, in order, on rows before the block.
            table: the stream; labels of the rows before the block are known.
        """
        ...


class Newest:
    """The newest version answers alone."""

    name = "newest"

    def answer(self, block: Block, versions: Sequence[Version], table: Table) -> Floats:
        """Look its answers up."""
        return versions[-1].answers(block.rows)
