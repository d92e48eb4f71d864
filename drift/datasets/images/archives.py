"""Files out of archives, in memory: .gz, .tar.*, .deb and .whl. A broken one is a DataError of one line."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from drift.errors import DataError

AR_MAGIC = b"!<arch>\n"
AR_HEADER_BYTES = 60
CHUNK_BYTES = 1 << 20
ZIP_MAGIC = b"PK\x03\x04"
GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def damage_told(name: str) -> Iterator[None]:
    """Say of an archive that it is damaged, in one line."""
    try:
        yield
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        lzma.LZMAError,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
    ) as error:  # BadGzipFile is an OSError
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{name} is damaged: {reason}") from error


def unpacked(content: bytes, *, name: str) -> bytes:
    """What a .gz holds; what is not one, as it is."""
    if not content.startswith(GZIP_MAGIC):
        return content
    with damage_told(name):
        return gzip.decompress(content)


def members(path: Path, names: Sequence[str]) -> list[bytes]:
    """Contents of some files of an archive, in the order of `names`.

    Args:
        path: a tar (compressed or not), a .deb or a .whl.
        names: full names inside it, without `./`.

    Raises:
        DataError: the archive is damaged, or does not hold one of them.
    """
    with damage_told(path.name), path.open("rb") as file:
        magic = file.read(len(AR_MAGIC))
        file.seek(0)
        if magic.startswith(ZIP_MAGIC):
            with zipfile.ZipFile(file) as archive:
                contents = {name: archive.read(name) for name in names if name in archive.namelist()}
        else:
            contents = _of_tar(_tar_of_deb(file) if magic == AR_MAGIC else file, names)
    missing = [name for name in names if name not in contents]
    if missing:
        raise DataError(f"{path.name} does not hold {', '.join(missing)}")
    return [contents[name] for name in names]


def _of_tar(file: IO[bytes], names: Sequence[str]) -> dict[str, bytes]:
    contents = {}
    with tarfile.open(fileobj=file, mode="r:*") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if name in names and (content := archive.extractfile(member)) is not None:
                contents[name] = content.read()
        while archive.fileobj is not None and archive.fileobj.read(CHUNK_BYTES):
            pass  # a compressed file's own checksum is at its end, where tarfile does not look
    return contents


def _tar_of_deb(file: IO[bytes]) -> IO[bytes]:
    """The data.tar.* of a .deb, an `ar` archive: headers of 60 bytes, files padded to an even length."""
    file.seek(len(AR_MAGIC))
    while header := file.read(AR_HEADER_BYTES):
        if len(header) < AR_HEADER_BYTES or not header.endswith(b"`\n"):
            raise ValueError("it breaks off, or is no .deb")
        name, size = header[:16].decode("ascii").strip().rstrip("/"), int(header[48:58])
        if name.startswith("data.tar"):
            return io.BytesIO(file.read(size))
        file.seek(size + size % 2, io.SEEK_CUR)
    raise ValueError("it has no data.tar")
