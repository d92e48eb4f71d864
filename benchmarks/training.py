"""Time to the same validation accuracy: our fitting loop beside the usual loop over a DataLoader with batch size 8.

    python -m benchmarks.training [--seeds 5] [--json FILE]

Both train the same network on the same preprocessed ELEC rows, in this process, one after the other for each seed. The
usual loop runs for 3 epochs with Adam at its default learning rate of 1e-3 and is looked at every quarter of an epoch;
the target is its accuracy at the end. Two times are told for it: its whole run, and the lucky look at which it first
had the target, which is the stricter one and the one that counts. Ours runs for 4 epochs; should it miss the target, it
starts again with twice as many, and the time of the first try counts, as does that of its own looks.

Validation rows are every seventh row of the stretch, so that accuracy rises with training and the target is not luck.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.machine import machine, machine_line
from drift.data.blocks import Rows
from drift.datasets.elec import load_elec
from drift.models.fit import Epoch, FitOptions, fit
from drift.models.network import Shape, TableNet
from drift.models.quantiles import fit_quantile_ranks

SHAPE = Shape(width=64, depth=2, dropout=0.0)
TRAINING_ROWS = 31_718
EPOCHS, OUR_EPOCHS = 3, 4


def rows() -> tuple[Rows, Rows]:
    """Training and validation rows of ELEC's first 70 %."""
    table = load_elec()
    held = np.arange(TRAINING_ROWS) % 7 == 3
    features, labels = table.features[:TRAINING_ROWS], table.labels[:TRAINING_ROWS]
    return Rows(features[~held], labels[~held]), Rows(features[held], labels[held])


def network(train: Rows, seed: int) -> TableNet:
    """The same start for both."""
    torch.manual_seed(seed)
    return TableNet(fit_quantile_ranks(train.features), SHAPE, 2)


def usual(train: Rows, validation: Rows, seed: int) -> tuple[float, float, float]:
    """The usual loop: (accuracy at its end, seconds until it first had that, seconds of the whole run)."""
    net = network(train, seed)
    with torch.no_grad():
        inputs, val_inputs = (net.ranks(torch.from_numpy(part.features)) for part in (train, validation))
    val_labels = torch.from_numpy(validation.labels)
    loader = DataLoader(TensorDataset(inputs, torch.from_numpy(train.labels)), batch_size=8, shuffle=True)
    optimizer = torch.optim.Adam(net.dense.parameters())
    loss_of = torch.nn.CrossEntropyLoss()
    spent, began, looks, every = 0.0, perf_counter(), list[tuple[float, float]](), len(loader) // 4
    net.train()
    for _ in range(EPOCHS):
        for step, (features, labels) in enumerate(loader, 1):
            optimizer.zero_grad()
            loss_of(net.dense(features), labels).backward()
            optimizer.step()
            if step % every == 0 or step == len(loader):
                spent += perf_counter() - began
                net.eval()
                with torch.no_grad():
                    looks.append((spent, float((net.dense(val_inputs).argmax(1) == val_labels).double().mean())))
                net.train()
                began = perf_counter()
    target = looks[-1][1]
    return target, next(seconds for seconds, accuracy in looks if accuracy >= target), spent


def ours(train: Rows, validation: Rows, seed: int, target: float) -> tuple[float, int, float]:
    """Our loop until it reaches `target`: (seconds with all tries, epochs of the last one, rows per second)."""
    spent, rows_seen, epochs = 0.0, 0, OUR_EPOCHS
    while epochs <= 8 * OUR_EPOCHS:
        options = FitOptions(learning_rate=2e-2, weight_decay=1e-4, batch_size=256, max_epochs=epochs, seed=seed)
        history: list[Epoch] = fit(network(train, seed), train, validation, options)
        reached = next((epoch for epoch in history if epoch.val_accuracy >= target), history[-1])
        spent += reached.seconds
        rows_seen += reached.number * len(train)
        if reached.val_accuracy >= target:
            return spent, epochs, rows_seen / spent
        epochs *= 2
    raise SystemExit(f"not reached in {epochs // 2} epochs: {target=}")


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    train, validation = rows()
    fit(network(train, 0), train, validation, FitOptions(1e-3, 0.0, 512, 1, 0))  # warm-up of both loops' kernels
    records: list[dict[str, float]] = []
    print(machine_line())
    print("seed   target  usual, first s  usual, whole s  ours s  epochs", end="  ")
    print("usual rows/s  ours rows/s  ratio, first  ratio, whole")
    for seed in range(arguments.seeds):
        target, first, whole = usual(train, validation, seed)
        seconds, epochs, rate = ours(train, validation, seed, target)
        record = {
            "seed": seed,
            "target": target,
            "usual_first_seconds": first,
            "usual_whole_seconds": whole,
            "ours_seconds": seconds,
            "ours_epochs": epochs,
            "usual_rows_per_second": EPOCHS * len(train) / whole,
            "ours_rows_per_second": rate,
            "ratio_first": first / seconds,
            "ratio_whole": whole / seconds,
        }
        records.append(record)
        print(
            f"{seed:>4}  {target:>7.4f}  {first:>14.2f}  {whole:>14.2f}  {seconds:>6.3f}  {epochs:>6}"
            f"  {record['usual_rows_per_second']:>12,.0f}  {rate:>11,.0f}"
            f"  {record['ratio_first']:>12.1f}  {record['ratio_whole']:>12.1f}"
        )
    medians = {key: median(record[key] for record in records) for key in ("ratio_first", "ratio_whole")}
    faster = median(r["ours_rows_per_second"] / r["usual_rows_per_second"] for r in records)
    print(
        f"medians: to the same accuracy {medians['ratio_first']:.1f} times sooner than its first lucky look,"
        f" {medians['ratio_whole']:.1f} times sooner than its whole run; {faster:.1f} times the rows per second"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine(), "records": records}, indent=2))


if __name__ == "__main__":
    main()
