"""Streams two Parquet files through `mmd_features_test`, and tells what that took of time and memory."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks.peers import timing
from drift.detect import mmd_features_test


def chunks(path: Path, rows: int) -> Iterator[Any]:
    """Rows of a file of float32 columns, (`rows`, d) at once."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):  # one iterator over all of them would keep what it has read
            for batch in file.iter_batches(batch_size=rows, row_groups=[group], use_threads=False):
                yield np.column_stack([column.to_numpy() for column in batch.columns])


def main() -> None:
    """Print costs and the test's answer."""
    given = timing.options()
    small = [np.random.default_rng(seed).normal(size=(2_048, given["columns"])).astype(np.float32) for seed in (1, 2)]
    mmd_features_test(small[:1], small[1:], features=given["features"], permutations=99)

    def call() -> dict[str, float]:
        files = (chunks(Path(given[name]), given["rows_at_once"]) for name in ("reference", "current"))
        found = mmd_features_test(*files, features=given["features"], permutations=given["permutations"])
        return {
            "statistic": found.statistic,
            "p_value": found.p_value,
            "features": found.features,
            "rows_used": sum(found.rows),
        }

    found = timing.timed(call)
    print(json.dumps(found | {"whole_peak_mb": timing.peak_megabytes(), "versions": timing.versions(("torch",))}))


if __name__ == "__main__":
    main()
