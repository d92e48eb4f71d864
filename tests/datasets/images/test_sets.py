"""The data sets are what their authors published, whatever they come from; and what is broken is told in one line."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from drift.datasets.fetch import Url
from drift.datasets.images import (
    IMAGE_SETS,
    Images,
    Split,
    archives,
    array_cache,
    load_images,
    readers,
    sets,
)
from drift.datasets.images.pixels import Labels, Pixels
from drift.errors import DataError
from tests.datasets.web import Web, web

RNG = np.random.default_rng(5)
FIRST_LABELS = {
    ("mnist", "train"): [5, 0, 4, 1, 9],
    ("mnist", "test"): [7, 2, 1, 0, 4],
    ("fashion-mnist", "train"): [9, 0, 0, 3, 0],
    ("fashion-mnist", "test"): [9, 2, 1, 1, 6],
    ("cifar-10", "train"): [6, 9, 9, 4, 1],
    ("cifar-10", "test"): [3, 8, 8, 0, 6],
}
MNIST_COUNTS = {
    "train": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    "test": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
}
MEANS = {  # of a pixel, 0 to 1; published with four digits
    ("mnist", "train"): [0.1307],
    ("fashion-mnist", "train"): [0.2860],
    ("cifar-10", "train"): [0.4914, 0.4822, 0.4465],
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Empty at first, and filled from the network."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", IMAGE_SETS)
def test_a_set_is_fetched_and_is_what_was_published(name: str, cache: Path) -> None:
    entry = IMAGE_SETS[name]
    told: list[str] = []
    for split in entry.rows:
        images = load_images(name, split, cache=cache, tell=lambda words, done, total: told.append(words))
        assert images.pixels.shape == (entry.rows[split], *entry.size)
        assert images.digest() == entry.digests[split]
        assert images.labels[:5].tolist() == FIRST_LABELS[name, split]
        counts = np.bincount(images.labels, minlength=10).tolist()
        assert counts == (MNIST_COUNTS[split] if name == "mnist" else [len(images) // 10] * 10)
        if (name, split) in MEANS:
            np.testing.assert_allclose(images.pixels.mean((0, 1, 2)) / 255, MEANS[name, split], atol=5e-5)
    assert told[-1] == f"reading {name}"
    assert not (cache / "images" / name / "downloads").exists()
    said = len(told)
    load_images(name, cache=cache, tell=lambda words, done, total: told.append(words))
    assert len(told) == said


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", IMAGE_SETS)
def test_each_way_to_a_set_leads_to_the_same_images(name: str, tmp_path: Path) -> None:
    reached = 0
    for number, source in enumerate(IMAGE_SETS[name].sources):
        entry = replace(IMAGE_SETS[name], sources=(source,))
        try:
            images = array_cache.load_set(entry, "test", cache=tmp_path / str(number), tell=lambda *_: None)
        except DataError as error:
            assert "cannot be downloaded" in str(error)
            continue
        reached += 1
        assert images.digest() == entry.digests["test"]
    assert reached


def test_every_entry_is_whole() -> None:
    assert list(IMAGE_SETS) == ["mnist", "fashion-mnist", "cifar-10"]
    for entry in IMAGE_SETS.values():
        assert set(entry.rows) == set(entry.digests) == {"train", "test"}
        assert len(entry.classes) == len(set(entry.classes)) == 10
        checksums = [a.sha256 for source in entry.sources for a in source.addresses if a.sha256 is not None]
        assert len(checksums) == len(set(checksums))
        assert all(len(digest) == 64 for digest in (*checksums, *entry.digests.values()))
        assert len({a.file_name for source in entry.sources for a in source.addresses}) >= len(checksums)


# a small set in every format


def small(shape: tuple[int, int, int], rows: int = 20) -> tuple[Pixels, Labels]:
    pixels = RNG.integers(0, 256, (rows, *shape), dtype=np.uint8)
    return pixels, RNG.integers(0, 10, rows).astype(np.int64)


def idx_of(array: np.ndarray[Any, Any]) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + np.asarray(array.shape, ">u4").tobytes()
    return head + array.astype(np.uint8).tobytes()


def idx_contents(train: tuple[Pixels, Labels], test: tuple[Pixels, Labels]) -> list[bytes]:
    return [idx_of(array) for pixels, labels in (train, test) for array in (pixels[..., 0], labels)]


def tar_of(path: Path, contents: Mapping[str, bytes], mode: Any = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def deb_of(path: Path, contents: Mapping[str, bytes]) -> Path:
    inner = tar_of(path.with_suffix(".tar.xz"), {f"./{name}": content for name, content in contents.items()}, "w:xz")
    parts = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": inner.read_bytes()}
    packed = b"!<arch>\n"
    for name, content in parts.items():
        packed += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        packed += content + b"\n" * (len(content) % 2)
    path.write_bytes(packed)
    return path


def same(found: Mapping[Split, tuple[Pixels, Labels]], *splits: tuple[Pixels, Labels]) -> None:
    assert list(found) == ["train", "test"]
    for (pixels, labels), (expected, codes) in zip(found.values(), splits, strict=True):
        np.testing.assert_array_equal(pixels, expected)
        np.testing.assert_array_equal(labels, codes)
        assert pixels.dtype == np.uint8
        assert labels.dtype == np.int64


def test_idx_from_files_tarball_and_deb(tmp_path: Path) -> None:
    train, test = small((28, 28, 1)), small((28, 28, 1), 7)
    contents = idx_contents(train, test)
    paths = [tmp_path / f"{name}.gz" for name in readers.IDX_FILES]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(gzip.compress(content))
    same(readers.read_idx_files(paths), train, test)
    inside = dict(zip([f"package/data/{name}" for name in readers.IDX_FILES], contents, strict=True))
    same(readers.read_idx_members([tar_of(tmp_path / "a.tgz", inside)], folder="package/data"), train, test)
    inside = {
        f"usr/{name}.gz": gzip.compress(content) for name, content in zip(readers.IDX_FILES, contents, strict=True)
    }
    same(readers.read_idx_members([deb_of(tmp_path / "a.deb", inside)], folder="usr", suffix=".gz"), train, test)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected magic number 00000803, got nothing"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x00", "expected magic number 00000803, got 00000801"),
        (b"\x00\x00\x08\x03\x00\x00\x00", "is damaged"),
        (idx_of(np.zeros((2, 3, 3)))[:-1], "33 bytes do not fit"),
        (idx_of(np.zeros((2, 3, 3))) + b"x", "35 bytes do not fit"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12, "16 bytes do not fit"),
    ],
)
def test_what_is_no_idx(content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        readers.read_idx(content, name="x", dimensions=3)


def test_cifar_from_binary_and_from_strips(tmp_path: Path) -> None:
    batches = [small((32, 32, 3), 4) for _ in range(6)]
    train = np.concatenate([b[0] for b in batches[:5]]), np.concatenate([b[1] for b in batches[:5]])
    names = [*readers.TRAIN_BATCHES, readers.TEST_BATCH]
    binary, strips = {}, {}
    for name, (pixels, labels) in zip(names, batches, strict=True):
        rows = np.column_stack([labels.astype(np.uint8), pixels.transpose(0, 3, 1, 2).reshape(4, -1)])
        binary[f"cifar-10-batches-bin/{name}.bin"] = rows.tobytes()
        strip = io.BytesIO()
        Image.fromarray(pixels.reshape(4, 1024, 3)).save(strip, "PNG")
        strips[f"package/{name}.png"] = strip.getvalue()
    strips["package/train_lables.json"] = json.dumps(train[1].tolist()).encode()
    strips["package/test_lables.json"] = json.dumps(batches[5][1].tolist()).encode()
    same(readers.read_binary([tar_of(tmp_path / "b.tar.gz", binary)]), train, batches[5])
    same(readers.read_strips([tar_of(tmp_path / "s.tgz", strips)]), train, batches[5])
    for said, broken in {
        "test_batch.bin is damaged: expected rows of 3073": {"cifar-10-batches-bin/test_batch.bin": b"x"},
        "does not hold cifar-10-batches-bin/data_batch_1.bin": {},
    }.items():
        contents = binary | broken if broken else {"other": b""}
        with pytest.raises(DataError, match=said):
            readers.read_binary([tar_of(tmp_path / "c.tar.gz", contents)])
    other = io.BytesIO()
    Image.new("RGB", (5, 5)).save(other, "PNG")
    for said, broken in {
        "package/data_batch_1.png: not an image": {"package/data_batch_1.png": b"x"},
        "package/data_batch_1.png: .*": {"package/data_batch_1.png": strips["package/data_batch_1.png"][:2000]},
        "package/test_batch.png is damaged: expected rows of 1024": {"package/test_batch.png": other.getvalue()},
        "package/train_lables.json is damaged": {"package/train_lables.json": b"[1, 2"},
        "package/test_lables.json is damaged: expected a list": {"package/test_lables.json": b'{"a": 1}'},
    }.items():
        with pytest.raises(DataError, match=said):
            readers.read_strips([tar_of(tmp_path / "s.tgz", strips | broken)])


def old_array(array: np.ndarray[Any, Any]) -> bytes:
    """The opcodes by which Python 2 pickled an array."""
    numbers = b"(" + b"".join(b"J" + n.to_bytes(4, "little") for n in array.shape) + b"t"
    kind = f"{array.dtype.kind}{array.dtype.itemsize}".encode()
    minus_one = b"J\xff\xff\xff\xff"
    dtype = b"cnumpy\ndtype\n(U\x02" + kind + b"K\0K\x01tR(K\x03U\x01<NNN" + minus_one * 2 + b"K\0tb"
    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85U\x01btR"
    return empty + b"(K\x01" + numbers + dtype + b"\x89T" + array.nbytes.to_bytes(4, "little") + array.tobytes() + b"tb"


def wheel_of(path: Path, pickle: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mnist.pkl.gz", gzip.compress(pickle))
    return path


def test_pickled_arrays_are_read(tmp_path: Path) -> None:
    train, held_out, test = (small((28, 28, 1)) for _ in range(3))
    pairs = b""
    for pixels, labels in (train, held_out, test):
        floats = pixels.reshape(20, -1).astype(np.float32) / 256
        pairs += b"(" + old_array(floats) + old_array(labels) + b"t"
    found = readers.read_pickled([wheel_of(tmp_path / "a.whl", b"\x80\x02(" + pairs + b"t.")], member="mnist.pkl.gz")
    both = np.concatenate([train[0], held_out[0]]), np.concatenate([train[1], held_out[1]])
    same(found, both, test)


@pytest.mark.parametrize("thing", [print, (1, 2), Path("x"), [[], [], []]], ids=str)
def test_a_pickle_of_anything_else_is_refused(thing: object, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"mnist\.pkl\.gz cannot be read: .*"):
        readers.read_pickled([wheel_of(tmp_path / "a.whl", pickle.dumps(thing, 2))], member="mnist.pkl.gz")


def archives_of_every_kind(folder: Path) -> dict[str, bytes]:
    contents = {"inside": RNG.bytes(5_000)}
    with zipfile.ZipFile(folder / "a.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside", contents["inside"])
    tar_of(folder / "a.tgz", contents)
    deb_of(folder / "a.deb", contents)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".xz"}


def test_every_archive_that_breaks_off_is_told_in_one_line(tmp_path: Path) -> None:
    kinds = archives_of_every_kind(tmp_path)
    assert sorted(kinds) == ["a.deb", "a.tgz", "a.whl"]
    for name, whole in kinds.items():
        path = tmp_path / name
        assert archives.members(path, ["inside"])
        with pytest.raises(DataError, match=f"{name} does not hold other"):
            archives.members(path, ["inside", "other"])
        turned = bytes([*whole[: len(whole) // 2], whole[len(whole) // 2] ^ 255, *whole[len(whole) // 2 + 1 :]])
        for broken in (b"", b"<html>not here</html>", whole[:100], whole[: len(whole) // 2], turned):
            path.write_bytes(broken)
            with pytest.raises(DataError, match=name) as told:
                archives.members(path, ["inside"])
            assert len(str(told.value).splitlines()) == 1


def test_a_broken_gz_is_told() -> None:
    with pytest.raises(DataError, match="x is damaged: "):
        archives.unpacked(gzip.compress(b"something")[:-3], name="x")


# the cache


@pytest.fixture
def server() -> Iterator[Web]:
    with web() as record:
        yield record


def toy(server: Web, *, rows: int = 20, digest: str | None = None) -> tuple[sets.ImageSet, Images]:
    """An entry of the table that is served here, and what is in it."""
    train, test = small((28, 28, 1), rows), small((28, 28, 1), 7)
    packed = [gzip.compress(content) for content in idx_contents(train, test)]
    server.files = {f"/{name}.gz": content for name, content in zip(readers.IDX_FILES, packed, strict=True)}
    classes = tuple("0123456789")
    images: dict[Split, Images] = {
        "train": Images("toy", *train, classes),
        "test": Images("toy", *test, classes),
    }
    return sets.ImageSet(
        name="toy",
        size=(28, 28, 1),
        classes=classes,
        rows={"train": rows, "test": 7},
        digests={split: digest or part.digest() for split, part in images.items()},
        sources=(sets.idx_at(server.address, sha256=[hashlib.sha256(content).hexdigest() for content in packed]),),
    ), images["train"]


def to_nobody(words: str, done: int, total: int | None) -> None:
    pass


def test_a_set_is_fetched_once_and_mapped_from_then_on(server: Web, tmp_path: Path) -> None:
    entry, expected = toy(server)
    images = array_cache.load_set(entry, "train", cache=tmp_path, tell=to_nobody)
    assert images.digest() == expected.digest()
    assert len(server.asked) == 4
    assert len(array_cache.load_set(entry, "test", cache=tmp_path, tell=to_nobody)) == 7
    assert len(server.asked) == 4
    folder = tmp_path / "images" / "toy"
    assert {path.name for path in folder.iterdir()} == {
        *(f"{split}-{what}.npy" for split in ("train", "test") for what in ("pixels", "labels")),
        ".lock",
    }
    assert not images.pixels.flags.writeable


@pytest.mark.parametrize("damage", ["cut", "gone", "other", "pickled"])
def test_a_damaged_cache_is_fetched_again(server: Web, tmp_path: Path, damage: str) -> None:
    entry, expected = toy(server)
    array_cache.load_set(entry, "train", cache=tmp_path, tell=to_nobody)
    path = tmp_path / "images" / "toy" / "train-pixels.npy"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "gone":
        path.unlink()
    elif damage == "other":
        np.save(path, np.zeros(3))
    else:
        np.save(path, np.asarray([print], dtype=object))
    assert array_cache.load_set(entry, "train", cache=tmp_path, tell=to_nobody).digest() == expected.digest()


def test_a_broken_off_set_goes_on_with_what_is_there(server: Web, tmp_path: Path) -> None:
    entry, expected = toy(server)
    missing = server.files.pop("/t10k-labels-idx1-ubyte.gz")
    with pytest.raises(DataError, match="HTTP 404"):
        array_cache.load_set(entry, "train", cache=tmp_path, tell=to_nobody)
    server.files["/t10k-labels-idx1-ubyte.gz"] = missing
    server.asked.clear()
    assert array_cache.load_set(entry, "train", cache=tmp_path, tell=to_nobody).digest() == expected.digest()
    assert [path for path, _ in server.asked] == ["/t10k-labels-idx1-ubyte.gz"]


def test_without_a_network_one_line_says_what_was_tried_and_what_to_do(server: Web, tmp_path: Path) -> None:
    entry, expected = toy(server)
    files, server.files = server.files, {}
    with pytest.raises(DataError) as told:
        array_cache.load_set(entry, "train", cache=tmp_path, tell=to_nobody)
    (line,) = str(told.value).splitlines()
    downloads = tmp_path / "images" / "toy" / "downloads"
    assert f"toy cannot be downloaded; tried {server.address}/train-images-idx3-ubyte.gz: HTTP 404" in line
    assert f"Put {', '.join(f'{name}.gz' for name in readers.IDX_FILES)} into {downloads}" in line
    assert "or use a folder of images of your own" in line
    for name, content in files.items():  # so be it
        (downloads / name[1:]).write_bytes(content)
    assert array_cache.load_set(entry, "train", cache=tmp_path, tell=to_nobody).digest() == expected.digest()


def test_the_next_source_is_taken_when_one_cannot_be_reached(server: Web, tmp_path: Path) -> None:
    entry, expected = toy(server)
    away = sets.Source((Url((f"{server.address}/away.tgz",), "0" * 64),), readers.read_strips)
    entry = replace(entry, sources=(away, *entry.sources))
    assert array_cache.load_set(entry, "train", cache=tmp_path, tell=to_nobody).digest() == expected.digest()


def test_other_contents_than_promised_are_refused(server: Web, tmp_path: Path) -> None:
    entry, _ = toy(server, digest="0" * 64)
    with pytest.raises(DataError, match=f"train data of toy are not what they should be: expected digest {'0' * 64}"):
        array_cache.load_set(entry, "train", cache=tmp_path, tell=to_nobody)
    assert [path.name for path in (tmp_path / "images" / "toy").iterdir()] == [".lock"]


def test_a_download_that_cannot_be_read_is_removed(server: Web, tmp_path: Path) -> None:
    entry, _ = toy(server)

    def unreadable(paths: Sequence[Path]) -> Mapping[Split, tuple[Pixels, Labels]]:
        raise DataError("it is damaged")

    entry = replace(entry, sources=(sets.Source(entry.sources[0].addresses, unreadable),))
    with pytest.raises(DataError, match="it is damaged; the download was removed, try again"):
        array_cache.load_set(entry, "train", cache=tmp_path, tell=to_nobody)
    assert [path.name for path in (tmp_path / "images" / "toy").iterdir()] == [".lock"]


def test_two_at_once_do_not_write_over_each_other(server: Web, tmp_path: Path) -> None:
    entry, _ = toy(server)
    folder = tmp_path / "images" / "toy"
    folder.mkdir(parents=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another process is downloading toy"):
            array_cache.load_set(entry, "train", cache=tmp_path, tell=to_nobody)


def test_a_cache_that_cannot_be_written(server: Web, tmp_path: Path) -> None:
    entry, _ = toy(server)
    (tmp_path / "images").write_text("a file where a folder should be")
    with pytest.raises(DataError, match="cannot be used: Not a directory; set DRIFT_CACHE"):
        array_cache.load_set(entry, "train", cache=tmp_path, tell=to_nobody)


# the record


def test_a_part_keeps_the_order_of_its_rows() -> None:
    images = Images("toy", *small((4, 4, 3)), tuple("0123456789"))
    part = images.part(np.asarray([3, 1, 2]))
    assert len(part) == 3
    np.testing.assert_array_equal(part.pixels, images.pixels[[3, 1, 2]])
    np.testing.assert_array_equal(part.labels, images.labels[[3, 1, 2]])
    assert len(images.part(slice(5))) == 5
    assert part.classes == images.classes


def test_a_digest_tells_contents_apart_and_nothing_else() -> None:
    pixels, labels = small((4, 4, 3))
    images = Images("toy", pixels, labels, ("a", "b"))
    assert replace(images, name="other").digest() == images.digest()
    assert images.part(np.arange(20)).digest() == images.digest()
    assert images.part(slice(None, None, -1)).digest() == images.part(np.arange(19, -1, -1)).digest()
    others = [
        replace(images, pixels=255 - pixels),
        replace(images, labels=labels + 1),
        replace(images, classes=("a", "c")),
        replace(images, pixels=pixels.reshape(20, 2, 8, 3)),
    ]
    assert len({images.digest(), *(other.digest() for other in others)}) == 5


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected cifar-10, fashion-mnist, mnist or a folder of images, got 'minst'"):
        load_images("minst", cache=tmp_path)
