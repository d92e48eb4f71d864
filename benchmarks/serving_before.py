"""The served answers of this checkout beside those of another one, in interleaved pairs.

    python -m benchmarks.serving_before --before CHECKOUT [--pairs 20] [--seconds 1.0] [--json FILE]

Each checkout packs the same network and serves it by a TorchServe of its own; both run at the same time, and the same
client asks them in turn, which one first changing from pair to pair. For blocks of 20 and 5,000 rows of 9 features: the
median over pairs of the ratio, this one over the one before, of the median latency and of rows per second, with a 95 %
interval of the median (order statistics).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

from benchmarks.machine import machine, machine_line

WIDTH, BLOCKS = 9, (20, 5_000)
SERVE = """
import hashlib, sys
from pathlib import Path
import torch
from torch import nn
from drift.serving import ModelService, build_archive
folder = Path(sys.argv[1])
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(9, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2), nn.Softmax(1)).eval()
rows = {0: torch.export.Dim("rows")}
file = folder / "model.pt2"
torch.export.save(torch.export.export(net, (torch.zeros(2, 9),), dynamic_shapes=(rows,)), file)
card = {"feature_names": [f"f{i}" for i in range(9)], "classes": ["a", "b"]}
digest = hashlib.sha256(file.read_bytes()).hexdigest()
start = getattr(ModelService, "start", None) or ModelService.own  # as older checkouts call it
with start(folder / "server", "bench") as service:
    service.load(build_archive(file, name="bench", version=1, card=card, digest=digest, store=service.store), 1)
    print(service.inference_url, flush=True)
    sys.stdin.readline()
"""


def main(arguments: list[str]) -> None:
    """Run it all and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--before", type=Path, required=True, help="another checkout of this project")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one measurement")
    parser.add_argument("--json", type=Path, help="write options, machine and results to this file")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        clients = [_served(stack, checkout) for checkout in (options.before, Path.cwd())]
        records = [_compared(clients, rows, options.pairs, options.seconds) for rows in BLOCKS]
    print(machine_line())
    print("rows  ratio of        median  95 % interval    before   now")
    for record in records:
        for what, unit in (("latency", "ms"), ("rate", "rows/s")):
            found = record[what]
            low, high = found["interval"]
            print(
                f"{record['rows']:>5}  {what:<9} {found['median']:>11.3f}  [{low:.3f}, {high:.3f}]"
                f"  {found['before']:>9.4g} {found['now']:>9.4g} {unit}"
            )
    if options.json:
        told = {"options": vars(options) | {"before": str(options.before), "json": None}, "machine": machine()}
        options.json.write_text(json.dumps(told | {"records": records}, indent=2) + "\n", encoding="utf-8")


def _served(stack: ExitStack, checkout: Path) -> Any:
    """A client of the server that a checkout starts."""
    from drift.serving import TorchServeClient
    from drift.serving.torchserve.keys import Keyring
    from drift.serving.torchserve.process.record import read_record

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    environment = os.environ | {"PYTHONPATH": str(checkout.absolute())}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(folder)], cwd=folder, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    stack.callback(process.communicate)  # closes its input, which ends it
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    record = read_record(folder / "server")
    assert record is not None
    return TorchServeClient(url, Keyring(folder / "server" / "key_file.json", record.management_url), "bench")


def _compared(clients: list[Any], rows: int, pairs: int, seconds: float) -> dict[str, Any]:
    features = np.random.default_rng(0).normal(size=(rows, WIDTH)).astype(np.float32)
    for client in clients:
        _measured(client, features, seconds)  # warm
    measured = []
    for pair in range(pairs):
        both: list[tuple[float, float]] = [(0.0, 0.0)] * 2
        for at in (0, 1) if pair % 2 == 0 else (1, 0):
            both[at] = _measured(clients[at], features, seconds)
        measured.append(both)
    found: dict[str, Any] = {"rows": rows, "pairs": pairs}
    for at, what in enumerate(("latency", "rate")):
        ratios = sorted(now[at] / before[at] for before, now in measured)
        lowest = max(0, int(binom.ppf(0.025, pairs, 0.5)) - 1)  # 0-based: at least 95 % between it and its mirror
        found[what] = {
            "median": statistics.median(ratios),
            "interval": [ratios[lowest], ratios[pairs - 1 - lowest]],
            "before": statistics.median(before[at] for before, _ in measured),
            "now": statistics.median(now[at] for _, now in measured),
        }
    return found


def _measured(client: Any, features: Any, seconds: float) -> tuple[float, float]:
    """Median latency in milliseconds, and rows per second."""
    times = []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        started = time.perf_counter()
        client.predict(features)
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times), len(features) * len(times) / sum(times)


if __name__ == "__main__":
    main(sys.argv[1:])
