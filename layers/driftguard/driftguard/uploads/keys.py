"""The S3 keys of uploaded files. The template's rules tell by the key which function processes a file."""

from typing import NamedTuple

from driftguard.uploads.tables import Kind

LABELS = ".labels"
"""The end of the key of a file of labels."""


class Place(NamedTuple):
    """The upload that a file belongs to."""

    organization_id: str
    model_id: str
    upload_id: str


def key(organization_id: str, model_id: str, upload_id: str, kind: Kind) -> str:
    """Return the S3 key of an upload's file."""
    return f"{prefix(organization_id, model_id)}{upload_id}{LABELS if kind == 'labels' else ''}"


def prefix(organization_id: str, model_id: str) -> str:
    """Return the prefix of the S3 keys of all uploads of a model."""
    return f"{organization_id}/{model_id}/"


def place_of(file_key: str) -> Place | None:
    """Return the upload that has this S3 key; None for a key that no upload has."""
    parts = file_key.removesuffix(LABELS).split("/")
    return Place(*parts) if len(parts) == len(Place._fields) else None
