"""Our client beside a bare `requests.post` of the same bytes to the same server, in the same run.

    python -m benchmarks.serving [--seconds 1.0] [--rounds 7] [--json FILE]

For blocks of 20, 500 and 5,000 rows of 9 features: rows per second and the time of one block (p50), of
the client with .npy, the client with JSON, and `requests.post` with .npy bytes made beforehand and the
answer left unread. The three take turns within each round; the table has the medians of all rounds.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import requests

from benchmarks.machine import machine, machine_line
from drift.data.blocks import Floats
from drift.serving import ModelService, TorchServeClient, build_archive
from drift.serving.torchserve.keys import Keyring
from drift.serving.torchserve.process.record import read_record

WIDTH = 9
BLOCKS = (20, 500, 5_000)
BARE = "requests.post"


@dataclass(frozen=True)
class Result:
    """One way of asking, with one size of block."""

    rows: int  # of one block
    way: str
    rows_per_second: float  # median over rounds
    p50_ms: float  # median time of one block
    rate_of_bare: float  # rows_per_second over that of a bare requests.post
    latency_of_bare: float  # p50 over that of a bare requests.post


def main(arguments: list[str]) -> None:
    """Run it all and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="of one way in one round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write options, machine and results to this file")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, ModelService.start(Path(folder), "bench") as service:
        service.load(_archive(Path(folder), service.store), 1)
        record = read_record(Path(folder))
        assert record is not None
        keys = Keyring(Path(folder) / "key_file.json", record.management_url)
        results = [
            result for rows in BLOCKS for result in _measure(service, keys, rows, options.seconds, options.rounds)
        ]
    _show(results)
    if options.json:
        told = {
            "options": {"seconds": options.seconds, "rounds": options.rounds},
            "seed": 0,
            "machine": machine(),
            "records": [asdict(result) for result in results],
        }
        options.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def _archive(folder: Path, store: Path) -> Path:
    """A model of the kind that is served: features placed on a grid of quantiles, then 64 x 64 units."""
    import torch
    from torch import nn

    class Grid(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("edges", torch.sort(torch.randn(WIDTH, 32)).values.contiguous())

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return torch.searchsorted(self.edges, rows.T.contiguous()).T / 32.0

    torch.manual_seed(0)
    units = (nn.Linear(WIDTH, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
    model = nn.Sequential(Grid(), *units, nn.Softmax(dim=1)).eval()
    program = torch.export.export(model, (torch.zeros(2, WIDTH),), dynamic_shapes=({0: torch.export.Dim("rows")},))
    file = folder / "model.pt2"
    torch.export.save(program, file)
    card = {"feature_names": [f"f{column}" for column in range(WIDTH)], "classes": ["down", "up"]}
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return build_archive(file, name="bench", version=1, card=card, digest=digest, store=store)


def _measure(service: ModelService, keys: Keyring, rows: int, seconds: float, rounds: int) -> list[Result]:
    features = np.random.default_rng(0).normal(size=(rows, WIDTH)).astype(np.float32)
    as_json = TorchServeClient(service.inference_url, keys, "bench", format="json")
    ways: dict[str, Callable[[], object]] = {
        BARE: _bare(service, keys, features),
        "client, npy": lambda: service.predict(features),
        "client, JSON": lambda: as_json.predict(features),
    }
    times: dict[str, list[list[float]]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way, ask in ways.items():
            taken = _repeat(ask, seconds)
            if number:  # the first round warms up
                times[way].append(taken)
    rates = {way: statistics.median(rows * len(t) / sum(t) for t in taken) for way, taken in times.items()}
    p50 = {way: statistics.median(statistics.median(t) for t in taken) for way, taken in times.items()}
    return [
        Result(rows, way, rates[way], 1000 * p50[way], rates[way] / rates[BARE], p50[way] / p50[BARE]) for way in ways
    ]


def _bare(service: ModelService, keys: Keyring, features: Floats) -> Callable[[], object]:
    """What anybody would write, without a session: bytes made once, the answer left unread."""
    buffer = io.BytesIO()
    np.save(buffer, features)
    body = buffer.getvalue()
    headers = keys.inference() | {"Content-Type": "application/x-npy"}
    url = f"{service.inference_url}/predictions/bench"

    def ask() -> object:
        response = requests.post(url, data=body, headers=headers, timeout=30)
        response.raise_for_status()
        return response.content

    return ask


def _repeat(ask: Callable[[], object], seconds: float) -> list[float]:
    """Times of calls one after the other, for `seconds`."""
    times: list[float] = []
    while sum(times) < seconds:
        started = time.perf_counter()
        ask()
        times.append(time.perf_counter() - started)
    return times


def _show(results: list[Result]) -> None:
    print(machine_line())
    print(f"{'rows':>6}  {'way':14} {'rows/s':>10} {'p50 ms':>8}  {'rate x bare':>11} {'p50 x bare':>10}")
    for result in results:
        print(
            f"{result.rows:>6}  {result.way:14} {result.rows_per_second:>10,.0f} {result.p50_ms:>8.2f}"
            f"  {result.rate_of_bare:>11.2f} {result.latency_of_bare:>10.2f}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
