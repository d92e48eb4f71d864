"""Features that are computed once: a file for each body of weights and each set of images."""

from __future__ import annotations

from pathlib import Path

from drift.data.blocks import Floats
from drift.datasets.images.pixels import Pixels
from drift.models.digests import digest
from drift.models.images.model import ImageModel
from drift.system.array_files import read_array, write_array

FORMAT = "1"


def cached_features(model: ImageModel, pixels: Pixels, cache_folder: Path | str) -> Floats:
    """`model.features(pixels)`, (n, d), read from a folder where they were computed before.

    What they depend on is in the file's name: the network and its options, its weights without the head's (a head
    that is fitted again changes no features), and the pixels. A file that cannot be read is written anew.

    Raises:
        BlockError: the network was made for other images.
        StateError: the folder cannot be written.
    """
    images = model.net.check(pixels)
    options = {name: value for name, value in model.net.options.items() if name != "classes"}
    fixed = dict(model.net.named_buffers())  # of a pretrained network's pixels, too, which no state dict holds
    of = digest(FORMAT, model.net.name, str(options), model.net.body_state, fixed, images)
    path = Path(cache_folder) / f"features-{of}.npy"
    kept = read_array(path)
    if kept is not None and len(kept) == len(images):
        return kept
    features = model.features(images)
    write_array(path, features, failure=f"features cannot be kept in {cache_folder}")
    return features
