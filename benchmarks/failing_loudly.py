"""Cells of "Failing Loudly" on MNIST, beside published figures: `python -m benchmarks.failing_loudly`.

The recipe of Rabanser, Günnemann and Lipton 2019: all 70,000 images are pooled, shuffled and split anew; n images of
the validation part are compared with n of the test part, of which a fraction is shifted; level .05. Ten thousand
images each for validation and test, the rest trains the network that `bbsds` asks.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from benchmarks.machine import machine_line
from benchmarks.measuring import write_json
from drift.datasets.images import Images, load_images
from drift.datasets.images.pixels import Pixels
from drift.detect import bbsds_test, feature_tests, mmd_test
from drift.detect.two_sample.samples import two_samples
from drift.images.detection.spaces import FeatureNetwork, flat
from drift.images.perturbations.failing_loudly import FAILING_LOUDLY
from drift.models.images import fit_images, new_model, recipe

SIZES = (10, 20, 50, 100, 200, 500, 1_000)
FRACTIONS = (0.1, 0.5, 1.0)
SHIFTS = ("medium_noise_shift", "small_image_shift", "medium_image_shift", "large_image_shift")
LEVEL = 0.05
PUBLISHED = {  # share of detections by size
    "MMDAgg, Laplace kernel, these four shifts": (0.28, 0.42, 0.60, 0.58, 0.68, 0.77, 0.82),
    "MMDAgg, Laplace kernel, the whole suite on MNIST": (0.32, 0.43, 0.59, 0.61, 0.69, 0.77, 0.84),
    "BBSDs + KS, the whole suite, MNIST and CIFAR-10": (0.19, 0.28, 0.47, 0.47, 0.51, 0.65, 0.70),
    "no reduction + KS, the whole suite, MNIST and CIFAR-10": (0.03, 0.15, 0.26, 0.36, 0.41, 0.47, 0.54),
}
Test = Callable[[FeatureNetwork, Pixels, Pixels, int], float]
"""Of a network, reference and test images, and a seed: a p-value."""


def _fused(network: FeatureNetwork, reference: Pixels, current: Pixels, seed: int) -> float:
    return mmd_test(flat(reference), flat(current), seed=seed).p_value


def _standardised(network: FeatureNetwork, reference: Pixels, current: Pixels, seed: int) -> float:
    """As the loop's detectors: every pixel in units of its spread over both samples, which keeps the test exact."""
    scaled = two_samples(flat(reference), flat(current)).standardised()
    return mmd_test(scaled.reference, scaled.current, seed=seed).p_value


def _bbsds(network: FeatureNetwork, reference: Pixels, current: Pixels, seed: int) -> float:
    answers = network.predict(reference).probabilities, network.predict(current).probabilities
    return bbsds_test(*answers).p_value


def _pixels(network: FeatureNetwork, reference: Pixels, current: Pixels, seed: int) -> float:
    """As `feature_tests` with Bonferroni's correction: of equally large samples, the column that is furthest apart."""
    gaps = np.abs(_cumulative(reference) - _cumulative(current)).max(axis=0)
    furthest = [int(gaps.argmax())]
    found = feature_tests(flat(reference)[:, furthest], flat(current)[:, furthest], test="ks")
    return min(1.0, len(gaps) * found.p_value)


def _cumulative(pixels: Pixels) -> np.ndarray:
    """How many images are up to each value, (256, pixels)."""
    rows = pixels.reshape(len(pixels), -1)
    width = rows.shape[1]
    counts = np.bincount((rows.astype(np.int64) * width + np.arange(width)).ravel(), minlength=256 * width)
    return counts.reshape(256, width).cumsum(axis=0)


TESTS: dict[str, Test] = {
    "fused MMD, standardised pixels": _standardised,
    "fused MMD, pixels": _fused,
    "BBSDs + KS": _bbsds,
    "no reduction + KS": _pixels,
}


def split(train: Images, test: Images, seed: int) -> tuple[Images, Images, Images]:
    """Everything pooled, shuffled, and cut into training, validation and test images."""
    both = Images(
        train.name,
        np.concatenate([train.pixels, test.pixels]),
        np.concatenate([train.labels, test.labels]),
        train.classes,
    )
    order = np.random.default_rng(seed).permutation(len(both))
    return both.part(order[20_000:]), both.part(order[:10_000]), both.part(order[10_000:20_000])


def detections(
    network: FeatureNetwork, validation: Images, test: Images, sizes: list[int], draws: int, seed: int
) -> dict[tuple[str, str, float, int], list[bool]]:
    """Whether each test rejects, by test, shift, fraction and size."""
    found: dict[tuple[str, str, float, int], list[bool]] = {}
    for draw in range(draws):
        rng = np.random.default_rng((seed, draw))
        for n in sizes:
            reference = validation.pixels[rng.choice(len(validation), n, replace=False)]
            current = test.pixels[rng.choice(len(test), n, replace=False)]
            for shift in SHIFTS:
                for fraction in FRACTIONS:
                    moved = FAILING_LOUDLY[shift](current, fraction, seed=1_000 * seed + draw)
                    for name, one in TESTS.items():
                        rejected = one(network, reference, moved, seed) <= LEVEL
                        found.setdefault((name, shift, fraction, n), []).append(rejected)
    return found


def line(name: str, shares: list[str]) -> str:
    """Of a table."""
    return f"| {name} | " + " | ".join(shares) + " |"


def main() -> None:
    """Print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=5, help="each with a network of its own")
    parser.add_argument("--draws", type=int, default=4, help="of each split")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--data", default="mnist", help="the published figures are of mnist")
    parser.add_argument("--max_epochs", type=int, default=3, help="of the networks")
    parser.add_argument("--json", type=Path, metavar="FILE")
    asked = parser.parse_args()
    whole = load_images(asked.data, "train"), load_images(asked.data, "test")
    found: dict[tuple[str, str, float, int], list[bool]] = {}
    for seed in range(asked.splits):
        train, validation, test = split(*whole, seed)
        network = new_model("small", train.pixels, train.classes, name=asked.data, seed=seed)
        fit_images(network, train, validation, recipe("small", seed=seed, max_epochs=asked.max_epochs))
        for cell, rejected in detections(network, validation, test, asked.sizes, asked.draws, seed).items():
            found.setdefault(cell, []).extend(rejected)
        print(f"split {seed + 1} of {asked.splits}", flush=True)
    repeats = asked.splits * asked.draws
    print(f"\nDetections, {repeats} draws for each of {len(SHIFTS) * len(FRACTIONS)} cells; {machine_line()}\n")
    print(line("", [f"n = {n:,}" for n in asked.sizes]))
    print(line("---", ["---:"] * len(asked.sizes)))
    for name in TESTS:
        shares = []
        for n in asked.sizes:
            pooled = [one for shift in SHIFTS for f in FRACTIONS for one in found[name, shift, f, n]]
            share = binomtest(sum(pooled), len(pooled)).proportion_ci(method="wilson")
            shares.append(f"{np.mean(pooled):.2f} [{share.low:.2f}, {share.high:.2f}]")
        print(line(name, shares))
    for name, published in PUBLISHED.items():
        print(line(name, [f"{published[SIZES.index(n)]:.2f}" if n in SIZES else "" for n in asked.sizes]))
    print()
    for shift in SHIFTS:
        for name in TESTS:
            means = [np.mean([one for f in FRACTIONS for one in found[name, shift, f, n]]) for n in asked.sizes]
            print(line(f"{shift}, {name}", [f"{mean:.2f}" for mean in means]))
    records = [
        {"test": name, "shift": shift, "fraction": f, "n": n, "detections": sum(hits), "draws": len(hits)}
        for (name, shift, f, n), hits in found.items()
    ]
    if asked.json:
        write_json(asked.json, vars(asked), records)


if __name__ == "__main__":
    main()
