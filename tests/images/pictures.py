"""Images like MNIST's and like CIFAR-10's, drawn by a formula."""

import numpy as np
from scipy.ndimage import gaussian_filter

from drift.datasets.images.pixels import Pixels


def digits(n: int, size: int = 28) -> Pixels:
    """White strokes on black, within the middle of the image: (n, size, size, 1)."""
    rng = np.random.default_rng(10)
    images = np.zeros((n, size, size))
    turn = np.linspace(0, 1, 4 * size)
    for image in images:
        a, b, c, d = rng.uniform(-0.28, 0.28, size=4)
        across = 0.5 + 0.6 * a * np.cos(3 * turn) + b * (turn - 0.5) + 0.1 * np.sin(5 * turn + 9 * c)
        down = 0.2 + 0.6 * turn + 0.2 * d * np.sin(4 * turn)
        image[(down * size).astype(int), (across.clip(0.1, 0.9) * size).astype(int)] = 1
    strokes = gaussian_filter(images, (0, size / 30, size / 30))
    return np.asarray(255 * np.minimum(strokes / strokes.max() * 1.6, 1), dtype=np.uint8)[..., None]


def photographs(n: int, size: int = 32) -> Pixels:
    """Clouds of colour of the whole range: (n, size, size, 3)."""
    clouds = gaussian_filter(np.random.default_rng(11).normal(size=(n, size, size, 3)), (0, size / 12, size / 12, 0))
    low, high = clouds.min(axis=(1, 2, 3), keepdims=True), clouds.max(axis=(1, 2, 3), keepdims=True)
    return np.asarray(255 * (clouds - low) / (high - low), dtype=np.uint8)


def distance(one: Pixels, other: Pixels) -> float:
    """Mean absolute difference, 0 to 255."""
    return float(np.abs(one.astype(int) - other).mean())
