"""One pass over the kernel matrix and tests, in turn in one process, so that what disturbs one disturbs all."""

import json
import statistics

import torch

from benchmarks.peers import ours, timing


def main() -> None:
    """Print the median CPU seconds of each, and their ratio to one pass on as many threads."""
    given = timing.options()
    x, y = timing.two_samples(given)
    tests = ("one pass", *given["tests"])
    spent: dict[str, list[float]] = {name: [] for name in tests}
    for turn in range(1 + given["runs"]):  # the first one warms up
        for name in tests:
            before = timing.cpu_seconds()
            ours.call(name, x, y, given["permutations"])
            if turn:
                spent[name].append(timing.cpu_seconds() - before)
    medians = {name: statistics.median(values) for name, values in spent.items()}
    ratios = {name: medians[name] / medians["one pass"] for name in given["tests"]}
    print(json.dumps({"cpu_seconds": medians, "to_one_pass": ratios, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()
