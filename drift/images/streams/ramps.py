"""How severity goes over the batches of a stream: pure functions of a batch's index. No images."""

from __future__ import annotations

from typing import Protocol

from drift.errors import UsageError


class Ramp(Protocol):
    """Severity of every batch of a stream. All ramps take the same options, and ignore those that they do not know."""

    def __call__(
        self, index: int, batches: int, *, start: float = 0.5, severity: float = 1.0, period: int = 5
    ) -> float:
        """Severity in [0, 1] of one batch.

        Args:
            index: of the batch, from 0.
            batches: how many there are.
            start: share of the batches, in [0, 1], that come before the drift; with 1 there is none.
            severity: in [0, 1], when it is strongest.
            period: batches, 1 or more, for which a drift that recurs stays, and for which it stays away.

        Raises:
            UsageError: a value out of its range.
        """
        ...


def clean(index: int, batches: int, *, start: float = 0.5, severity: float = 1.0, period: int = 5) -> float:
    """No drift: what false alarms are counted on."""
    _since(index, batches, start, severity, period)
    return 0.0


def sudden(index: int, batches: int, *, start: float = 0.5, severity: float = 1.0, period: int = 5) -> float:
    """Nothing, and from the start on all of it."""
    return severity if _since(index, batches, start, severity, period) >= 0 else 0.0


def gradual(index: int, batches: int, *, start: float = 0.5, severity: float = 1.0, period: int = 5) -> float:
    """From the start on a little more with every batch, and all of it at the last."""
    since = _since(index, batches, start, severity, period)
    return severity * (since + 1) / (since + batches - index) if since >= 0 else 0.0


def recurring(index: int, batches: int, *, start: float = 0.5, severity: float = 1.0, period: int = 5) -> float:
    """From the start on `period` batches of all of it, as many of nothing, and again."""
    since = _since(index, batches, start, severity, period)
    return severity if since >= 0 and since // period % 2 == 0 else 0.0


RAMPS: dict[str, Ramp] = {"clean": clean, "sudden": sudden, "gradual": gradual, "recurring": recurring}
"""Every ramp by its name."""


def _since(index: int, batches: int, start: float, severity: float, period: int) -> int:
    """Batches since the drift began; below 0 if it has not."""
    if not 0 <= index < batches:
        raise UsageError(f"expected a batch from 0 to {batches - 1}, got {index}")
    if not 0 <= start <= 1:
        raise UsageError(f"expected a drift that starts after a share of the batches from 0 to 1, got {start}")
    if not 0 <= severity <= 1:
        raise UsageError(f"expected a severity from 0 (nothing) to 1 (strongest), got {severity}")
    if period < 1:
        raise UsageError(f"expected a period of 1 batch or more, got {period}")
    return index - round(start * batches)
