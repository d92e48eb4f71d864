"""A folder of a user's own images: read whole, split for good, and what is wrong with it told in one line."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from drift.datasets.images import Images, folder, load_images, pictures
from drift.datasets.images.pictures import look_at, read_picture
from drift.errors import DataError

RNG = np.random.default_rng(6)


def picture(path: Path, *, size: tuple[int, int] = (9, 7), mode: str = "RGB") -> NDArray[np.uint8]:
    """Writes an image of (width, height), and returns what it was made of."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    channels = {"L": (), "RGB": (3,), "RGBA": (4,), "LA": (2,)}[mode]
    pixels = RNG.integers(0, 256, (height, width, *channels), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def cats_and_dogs(
    root: Path, *, each: int = 40, mode: str = "RGB", ending: str = "png"
) -> dict[str, NDArray[np.uint8]]:
    return {
        name: picture(root / name, mode=mode)
        for label in ("dogs", "cats")
        for number in range(each)
        for name in [f"{label}/{number:03}.{ending}"]
    }


def both(root: Path) -> tuple[Images, Images]:
    return load_images(str(root), "train"), load_images(str(root), "test")


def test_every_image_is_in_one_split_with_its_label(tmp_path: Path) -> None:
    made = cats_and_dogs(tmp_path / "pets")
    train, test = both(tmp_path / "pets")
    assert train.name == "pets"
    assert train.classes == test.classes == ("cats", "dogs")
    assert len(train) + len(test) == 80
    assert 4 <= len(test) <= 32  # a fifth: one in 10,000 would be outside
    assert train.pixels.shape[1:] == (7, 9, 3)
    found = {
        (pixels.tobytes(), images.classes[label])
        for images in (train, test)
        for pixels, label in zip(images.pixels, images.labels, strict=True)
    }
    assert found == {(pixels.tobytes(), name.split("/")[0]) for name, pixels in made.items()}
    assert not train.left_out


def test_an_image_never_changes_sides(tmp_path: Path) -> None:
    cats_and_dogs(tmp_path / "a", each=20)
    before = {pixels.tobytes() for pixels in load_images(str(tmp_path / "a"), "test").pixels}
    for number in range(100, 120):
        picture(tmp_path / "a" / "cats" / f"{number}.png")
    assert before <= {pixels.tobytes() for pixels in load_images(str(tmp_path / "a"), "test").pixels}
    moved = (tmp_path / "a").rename(tmp_path / "b")
    assert before <= {pixels.tobytes() for pixels in load_images(str(moved), "test").pixels}


def test_about_a_fifth_is_test_data() -> None:
    share = np.mean([folder.is_test(f"cats/{number}.png") for number in range(20_000)])
    assert abs(share - 0.2) < 0.01  # 3.5 standard errors


def test_folders_of_the_splits_are_taken_as_they_are(tmp_path: Path) -> None:
    for name in ("train/cats/1.png", "train/dogs/2.png", "train/dogs/deep/3.png", "test/cats/1.png"):
        picture(tmp_path / name)
    train, test = both(tmp_path)
    assert train.classes == test.classes == ("cats", "dogs")
    assert train.labels.tolist() == [0, 1, 1]
    assert test.labels.tolist() == [0]


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 1), ("RGB", 3), ("RGBA", 3)])
def test_grey_stays_grey_and_transparency_is_dropped(tmp_path: Path, mode: str, channels: int) -> None:
    made = cats_and_dogs(tmp_path, each=10, mode=mode)
    train, test = both(tmp_path)
    assert train.pixels.shape[1:] == test.pixels.shape[1:] == (7, 9, channels)
    expected = {np.ascontiguousarray(p.reshape(7, 9, -1)[..., :channels]).tobytes() for p in made.values()}
    assert {p.tobytes() for images in (train, test) for p in images.pixels} == expected


def test_grey_among_colours_becomes_colour(tmp_path: Path) -> None:
    cats_and_dogs(tmp_path, each=10)
    grey = picture(tmp_path / "train-me.d" / "cats.png", mode="L")
    train, test = both(tmp_path)
    images = train if "train-me.d" in {train.classes[label] for label in train.labels} else test
    (found,) = images.pixels[images.labels == images.classes.index("train-me.d")]
    np.testing.assert_array_equal(found, np.repeat(grey[..., None], 3, axis=2))


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    deep = RNG.integers(0, 65_536, (7, 9), dtype=np.uint16)
    for name in ("train/a/1.png", "train/b/1.png", "test/a/1.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.fromarray(deep).save(tmp_path / name)
    images = load_images(str(tmp_path))
    np.testing.assert_array_equal(images.pixels[0, ..., 0], deep >> 8)
    picture(tmp_path / "train/b/2.png")
    np.testing.assert_array_equal(load_images(str(tmp_path)).pixels[0, ..., 2], deep >> 8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_cameras_picture_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    """All eight EXIF orientations of one picture are the same picture; undone here by NumPy alone."""
    upright = RNG.integers(0, 256, (7, 9, 3), dtype=np.uint8)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.png", exif=exif)
    look = pictures.look_at(tmp_path / "a.png", name="a")
    assert (look.height, look.width) == (7, 9)
    np.testing.assert_array_equal(pictures.read_picture(tmp_path / "a.png", name="a"), upright)


@pytest.mark.parametrize("ending", ["jpg", "bmp", "gif", "webp", "tiff"])
def test_other_formats_are_read(tmp_path: Path, ending: str) -> None:
    cats_and_dogs(tmp_path, each=10, ending=ending)
    train, test = both(tmp_path)
    assert len(train) + len(test) == 20
    assert not train.left_out + test.left_out


def damaged(tmp_path: Path) -> Path:
    """20 good images and five files of other kinds in the training data."""
    for number in range(10):
        picture(tmp_path / f"train/cats/{number}.png")
        picture(tmp_path / f"train/dogs/{number}.png")
        picture(tmp_path / f"test/dogs/{number}.png")
    (tmp_path / "train/cats/notes.txt").write_text("not a cat")
    (tmp_path / "train/cats/empty.png").write_bytes(b"")
    whole = (tmp_path / "train/cats/1.png").read_bytes()
    (tmp_path / "train/dogs/half.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "train/dogs/start.png").write_bytes(whole[:20])
    Image.fromarray(np.zeros((7, 9), np.float32)).save(tmp_path / "train/dogs/deep.tiff")
    (tmp_path / "train/cats/.DS_Store").write_bytes(b"of the file manager")
    (tmp_path / "train/docs").mkdir()
    (tmp_path / "train/docs/readme.txt").write_text("no class")
    return tmp_path


def test_what_cannot_be_read_is_left_out_and_listed(tmp_path: Path) -> None:
    train, test = both(damaged(tmp_path))
    assert len(train) == 20
    assert train.classes == ("cats", "dogs")
    names = [reason.split(": ")[0] for reason in train.left_out]
    assert names == [
        "train/cats/empty.png",
        "train/cats/notes.txt",
        "train/docs/readme.txt",
        "train/dogs/deep.tiff",
        "train/dogs/half.png",
        "train/dogs/start.png",
    ]
    assert "train/cats/notes.txt: not an image" in train.left_out
    assert all(len(reason.splitlines()) == 1 for reason in train.left_out)
    assert not test.left_out
    assert train.labels.tolist() == [0] * 10 + [1] * 10


def test_no_file_that_can_be_read(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"class{number}").mkdir()
        (tmp_path / f"class{number}" / "a.png").write_bytes(b"no")
    with pytest.raises(
        DataError, match=r"no file can be read as an image: class.*/a\.png: not an image; .* and 2 more"
    ):
        load_images(str(tmp_path))


def test_mixed_sizes_are_named_and_counted(tmp_path: Path) -> None:
    cats_and_dogs(tmp_path, each=3)
    picture(tmp_path / "cats" / "wide.png", size=(20, 7))
    for split in ("train", "test"):
        with pytest.raises(DataError, match=r"one size, got 6 of 9x7 \(.*\.png\), 1 of 20x7 \(cats/wide\.png\)"):
            load_images(str(tmp_path), split)
    for width in range(30, 40):
        picture(tmp_path / "cats" / f"{width}.png", size=(width, 7))
    with pytest.raises(DataError, match="and 7 more sizes; bring them to one size first"):
        load_images(str(tmp_path))


def test_folders_without_classes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least 2 of them with images; got none"):
        load_images(str(tmp_path))
    picture(tmp_path / "loose.png")
    with pytest.raises(DataError, match="got none"):
        load_images(str(tmp_path))
    picture(tmp_path / "cats" / "1.png")
    with pytest.raises(DataError, match="at least 2 of them with images; got cats"):
        load_images(str(tmp_path))


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"expected a folder of images, got the file .*a\.png"):
        load_images(str(tmp_path / "a.png"))


def test_a_split_without_an_image(tmp_path: Path) -> None:
    names = [f"{label}/{number}.png" for label in "ab" for number in range(9)]
    for name in names:
        if not folder.is_test(name):
            picture(tmp_path / name)
    with pytest.raises(DataError, match="no image falls to the test data; put the images into folders train and test"):
        load_images(str(tmp_path), "test")


def test_too_many_pixels_for_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cats_and_dogs(tmp_path, each=5)
    monkeypatch.setattr(folder, "MOST_BYTES", 500)
    with pytest.raises(DataError, match=r"images of 9x7 take 0.0 GB of memory, 0.0 GB are the most; make them smaller"):
        load_images(str(tmp_path))


def test_an_image_that_would_unpack_to_gigabytes_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cats_and_dogs(tmp_path, each=20)
    content = io.BytesIO()
    Image.new("1", (14_000, 14_000)).save(content, "PNG")
    (tmp_path / "cats" / "bomb.png").write_bytes(content.getvalue())
    left_out = [reason for images in both(tmp_path) for reason in images.left_out]
    assert len(left_out) == 1
    assert "cats/bomb.png: Image size (196000000 pixels) exceeds limit" in left_out[0]


def test_progress_is_told(tmp_path: Path) -> None:
    cats_and_dogs(tmp_path / "pets", each=5)
    told: list[tuple[str, int, int | None]] = []
    images = load_images(str(tmp_path / "pets"), tell=lambda *words: told.append(words))
    assert told[-1] == ("reading pets", images.pixels.nbytes, images.pixels.nbytes)
    assert len(told) == len(images)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 7\n%%EndComments\nshowpage\n"


def test_formats_that_need_other_programs_are_no_images(tmp_path: Path) -> None:
    """Whatever the file is called: Pillow would give EPS to Ghostscript."""
    path = tmp_path / "a.png"
    path.write_bytes(EPS)
    for read in (lambda: look_at(path, name="a.png"), lambda: read_picture(path, name="a.png"),
                 lambda: read_picture(EPS, name="a.png")):  # fmt: skip
        with pytest.raises(DataError, match=r"a\.png: not an image"):
            read()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM"])
def test_usual_formats_are_read(tmp_path: Path, kind: str) -> None:
    Image.new("RGB", (9, 7), (10, 200, 30)).save(tmp_path / "a", format=kind)
    assert read_picture(tmp_path / "a", name="a").shape == (7, 9, 3)
    assert look_at(tmp_path / "a", name="a").width == 9


def test_a_few_kilobytes_that_unpack_to_gigabytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for label in ("a", "b"):
        (tmp_path / "bomb" / label).mkdir(parents=True)
        for number in range(9):
            Image.new("RGB", (600, 600)).save(tmp_path / "bomb" / label / f"{number}.png")
    load_images(str(tmp_path / "bomb"), "train")
    monkeypatch.setattr(folder, "MOST_SQUEEZED", 2_000_000)
    with pytest.raises(DataError, match=r"take 0.0 GB of memory, 500 times more than the 0.0 MB of their files"):
        load_images(str(tmp_path / "bomb"), "train")
    cats_and_dogs(tmp_path / "pets", each=5)
    monkeypatch.setattr(folder, "MOST_SQUEEZED", 0)
    load_images(str(tmp_path / "pets"), "train")


def test_images_take_half_of_the_memory_that_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cats_and_dogs(tmp_path / "pets")
    monkeypatch.setattr(folder, "available_memory", lambda: 1_000)
    with pytest.raises(DataError, match=r"images of 9x7 take 0.0 GB of memory, 0.0 GB are the most"):
        load_images(str(tmp_path / "pets"), "train")


def test_names_of_files_and_classes_forge_no_lines(tmp_path: Path) -> None:
    cats_and_dogs(tmp_path / "pets")
    for split_name in range(10):  # some of both splits
        (tmp_path / "pets" / "cats" / f"bad{split_name}\nFORGED\x1b[31m.png").write_bytes(b"none")
    reasons = load_images(str(tmp_path / "pets"), "train").left_out
    assert reasons and all("bad" in line and "\n" not in line and "\\nFORGED" in line for line in reasons)
    picture(tmp_path / "pets" / "cats" / "large\nFORGED.png", size=(3, 3))
    with pytest.raises(DataError, match="expected images of one size") as caught:
        load_images(str(tmp_path / "pets"), "train")
    assert "\n" not in str(caught.value)
    picture(tmp_path / "other" / "a\nFORGED" / "1.png")
    picture(tmp_path / "other" / "b" / "1.png")
    with pytest.raises(DataError, match=r"without control characters and line breaks in their names, got a\\nFORGED;"):
        load_images(str(tmp_path / "other"), "train")
