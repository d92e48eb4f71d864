"""Files counted: by us, with all distances from a reference; by NumPy and Polars, histograms alone. Each by itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from timing import cpu_seconds, options, peak_megabytes, versions

BINS = 10


def ours(files: list[Path]) -> Callable[[Path], object]:
    """As the monitor does: chunks of the file, a profile of each, merged; all distances and tests of every feature."""
    from drift.data.readers.files import FileRows
    from drift.detect import learn_binning, merge, profile
    from drift.monitor.drift.distances import measure_drift

    first = next(iter(FileRows(files[0], chunk_rows=50_000))).iloc[:20_000]
    binning = learn_binning(first, bins=BINS)
    reference = profile(binning, first)

    def count(file: Path) -> object:
        parts = [profile(binning, frame) for frame in FileRows(file, chunk_rows=50_000)]
        return measure_drift(reference, merge(*parts) if len(parts) > 1 else parts[0], limits={})

    return count


def edges_of(file: Path) -> dict[str, Any]:
    """The same quantiles of the same rows."""
    from pyarrow import parquet

    table = next(parquet.ParquetFile(file).iter_batches(20_000))
    shares = np.linspace(0, 1, BINS + 1)
    return {name: np.quantile(table.column(name).to_numpy(), shares) for name in table.schema.names}


def numpy(files: list[Path]) -> Callable[[Path], object]:
    """The whole file by pyarrow, each column by `np.histogram`."""
    from pyarrow import parquet

    edges = edges_of(files[0])

    def count(file: Path) -> object:
        table = parquet.read_table(file, use_threads=False)
        return [np.histogram(table.column(name).to_numpy(), bins=edges[name]) for name in edges]

    return count


def polars(files: list[Path]) -> Callable[[Path], object]:
    """The whole file by Polars, each column by `Series.hist`."""
    import polars as pl

    edges = edges_of(files[0])

    def count(file: Path) -> object:
        table = pl.read_parquet(file)
        return [table[name].hist(bins=list(edges[name])) for name in edges]

    return count


def main() -> None:
    """Time one way through all files, after one that warms up."""
    import time

    given = options()
    files = sorted(Path(given["folder"]).glob("*.parquet"))
    count = {"ours": ours, "numpy": numpy, "polars": polars}[given["call"]](files)
    count(files[0])
    wall, cpu = time.perf_counter(), cpu_seconds()
    for file in files:
        count(file)
    found = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": cpu_seconds() - cpu}
    found |= {"peak_mb": peak_megabytes(), "found": {"files": len(files)}, "versions": versions(("numpy", "polars"))}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
