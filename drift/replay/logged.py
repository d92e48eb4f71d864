"""A comparison of policies in MLflow: one parent run, and a nested child for each policy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import mean

from drift.replay.experiment import Results
from drift.tracking.runs import Metric, open_run
from drift.tracking.store import Store


def log_results(results: Results, store: Store, experiment: str, *, options: Mapping[str, object], page: Path) -> str:
    """Log every policy's numbers and its accuracy by block (means over seeds); returns the parent's run id."""
    table = results.stream.table.name
    with open_run(store, experiment, name=f"replay of {table}", kind="replay", tags={"source": table}) as parent:
        parent.params(options)
        parent.describe(
            f"Replay of `{table}` under {len(results.names)} policies, each a child; the page is an artifact."
        )
        parent.metrics([Metric("majority", results.beside.majority), Metric("no_change", results.beside.no_change)])
        for name in results.names:
            outcomes = results.of(name)
            tags = {"policy": name}
            with open_run(store, experiment, name=name, kind="policy", parent=parent.id, tags=tags) as run:
                run.params({"policy": name, "seeds": len(outcomes)})
                totals = {
                    "accuracy": mean(one.measures.accuracy for one in outcomes),
                    "kappa_temporal": mean(one.measures.kappa_temporal for one in outcomes),
                    "retrains": mean(len(one.played.retrains) for one in outcomes),
                    "alarms": mean(len(one.played.alarms) for one in outcomes),
                    "seconds": mean(one.played.seconds for one in outcomes),
                }
                recovered = results.recovered(name)
                if recovered is not None:
                    totals["of_hindsight"] = recovered
                by_block = zip(*(one.played.blocks for one in outcomes), strict=True)
                run.metrics(
                    [Metric(key, value) for key, value in totals.items()]
                    + [
                        Metric("block/accuracy", mean(block.accuracy for block in same), same[0].index)
                        for same in by_block
                    ]
                )
        parent.file(page)
        return parent.id
