"""Counts of one column, to be added up: rows in cells, rows of every value, and the moments of numbers.

Counts of parts merge to the counts of the whole exactly, whatever the parts and their order; moments do up to rounding.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any

from drift.metrics.moments import Moments

MOST_NAMED = 1_000  # values of a column that are counted one by one


@dataclass(frozen=True)
class CellCounts:
    """Numbers in the cells of a fixed reference.

    Attributes:
        counts: below the range, in its cells, above it.
        missing: rows without a value.
        moments: of the finite values.
    """

    counts: tuple[int, ...]
    missing: int
    moments: Moments

    @property
    def present(self) -> int:
        """Rows that are not missing."""
        return sum(self.counts)

    def merge(self, other: CellCounts) -> CellCounts:
        """Those of both parts, of the same cells."""
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return CellCounts(counts, self.missing + other.missing, self.moments.merge(other.moments))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CellCounts:
        """What `to_json` gave."""
        return cls(tuple(data["counts"]), data["missing"], Moments(**data["moments"]))


@dataclass(frozen=True)
class NamedCounts:
    """Rows of every single value: of categories, or of numbers that take few values (called as `repr` does).

    Beyond 1,000 values, those with the smallest digests are counted one by one and the rest together. That choice
    depends on nothing but the values' names, so parts make the same one as the whole.

    Attributes:
        counts: of each value, 1 or more.
        other: rows of the values that are not counted one by one.
        missing: rows without a value.
        moments: of numbers.
    """

    counts: Mapping[str, int]
    other: int
    missing: int
    moments: Moments = field(default_factory=Moments)

    @property
    def present(self) -> int:
        """Rows that are not missing."""
        return sum(self.counts.values()) + self.other

    def merge(self, other: NamedCounts) -> NamedCounts:
        """Those of both parts."""
        return named_counts(
            Counter(self.counts) + Counter(other.counts),
            self.missing + other.missing,
            other=self.other + other.other,
            moments=self.moments.merge(other.moments),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        plain = {"counts": dict(sorted(self.counts.items())), "other": self.other, "missing": self.missing}
        return plain | {"moments": asdict(self.moments)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NamedCounts:
        """What `to_json` gave."""
        return cls(dict(data["counts"]), data["other"], data["missing"], Moments(**data["moments"]))


def named_counts(
    counts: Mapping[str, int], missing: int, *, other: int = 0, moments: Moments | None = None
) -> NamedCounts:
    """Counts of single values, of at most 1,000 of them one by one."""
    if len(counts) > MOST_NAMED:
        kept = {name: counts[name] for name in heapq.nsmallest(MOST_NAMED, counts, key=_digest)}
        other += sum(counts.values()) - sum(kept.values())
        counts = kept
    return NamedCounts(dict(counts), other, missing, moments or Moments())


def _digest(name: str) -> tuple[bytes, str]:
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), name
