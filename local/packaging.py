"""From a built template to one whose code lies in S3, as `sam package` does.

A layer's archive holds no layer: it names a folder with an unchangeable copy of it, because packing and unpacking
200 MB at each start helps nobody.
"""

import hashlib
import io
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from local.functions.host import POINTER

type Upload = Callable[[str, bytes], str]


def package(template: Path, layers: Path, upload: Upload) -> tuple[dict[str, Any], set[Path]]:
    """Read a built template; its code goes to `upload(key, archive)`, which says where that is (an s3:// address).

    Returns the template with those addresses, and the copies of layers that it now speaks of.
    """
    document: dict[str, Any] = yaml.safe_load(template.read_text(encoding="utf-8"))
    done: dict[Path, str] = {}
    copies: set[Path] = set()

    def point(folder: Path) -> bytes:
        copies.add(copy := keep_copy(folder, layers))
        return zip_pointer(copy)

    def place(uri: str, archive: Callable[[Path], bytes]) -> str:
        folder = (template.parent / uri).resolve()
        if folder not in done:
            content = archive(folder)
            done[folder] = upload(hashlib.sha256(content).hexdigest(), content)
        return done[folder]

    for resource in document["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function" and isinstance(properties.get("CodeUri"), str):
            properties["CodeUri"] = place(properties["CodeUri"], zip_folder)
        elif resource["Type"] == "AWS::Serverless::LayerVersion" and isinstance(properties.get("ContentUri"), str):
            properties["ContentUri"] = place(properties["ContentUri"], point)
    return document, copies


def zip_folder(folder: Path) -> bytes:
    """An archive of the folder, the same bytes for the same files."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
        for path in _files(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix())
            entry.external_attr = (path.stat().st_mode & 0o777) << 16
            files.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def zip_pointer(folder: Path) -> bytes:
    """An archive that names a folder."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr(zipfile.ZipInfo(POINTER), str(folder.resolve()))
    return archive.getvalue()


def keep_copy(folder: Path, copies: Path) -> Path:
    """Copy a folder under a name made of its content, linked where the disk allows, unless it is there already."""
    digest = hashlib.sha256()
    for path in _files(folder):
        status = path.stat()
        # What the build makes anew has another size or time; reading 200 MB to learn the same takes too long.
        digest.update(f"{path.relative_to(folder)} {status.st_size} {status.st_mtime_ns}\n".encode())
    copy = copies / digest.hexdigest()[:24]
    if not copy.is_dir():
        unfinished = copies / f"{copy.name}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(folder, unfinished, copy_function=_link)
        unfinished.rename(copy)
    return copy


def drop_other_copies(layers: Path, kept: set[Path]) -> None:
    """Remove the copies of layers that nothing uses any more."""
    for folder in layers.iterdir():
        if folder not in kept:
            shutil.rmtree(folder)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
