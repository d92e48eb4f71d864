"""A comparison of policies as lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean

from drift.replay.experiment import Results


def table_lines(results: Results) -> Iterator[str]:
    """A table, the most accurate policy first, and what needs no model."""
    width = max(len(name) for name in [*results.names, "policy"])
    yield f"{'policy':<{width}}  retrains  accuracy  ± seeds  of hindsight  kappa-t  alarms  seconds"
    for name in sorted(results.names, key=lambda one: -results.accuracy(one)[0]):
        outcomes, (accuracy, spread) = results.of(name), results.accuracy(name)
        recovered = results.recovered(name)
        retrains, alarms, seconds = (
            mean(values)
            for values in zip(
                *((len(one.played.retrains), len(one.played.alarms), one.played.seconds) for one in outcomes),
                strict=True,
            )
        )
        kappa = mean(one.measures.kappa_temporal for one in outcomes)
        share = "" if recovered is None else f"{recovered:.0%}"
        shown = f"{spread:.4f}" if len(outcomes) > 1 else ""
        yield (
            f"{name:<{width}}  {retrains:>8.3g}  {accuracy:>8.4f}  {shown:>7}  {share:>12}  {kappa:>7.3f}"
            f"  {alarms:>6.3g}  {seconds:>7.1f}"
        )
    yield (
        f"without a model: majority {results.beside.majority:.4f},"
        f" repeating the last label {results.beside.no_change:.4f} (which needs every label at once)"
    )
