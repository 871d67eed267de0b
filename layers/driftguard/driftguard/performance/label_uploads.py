"""Show the uploads of files of labels. `performance.loading` stores the labels."""

from datetime import datetime

from driftguard.models.tables import Models
from driftguard.performance.schemas import LabelUploadStatus
from driftguard.uploads.announcing import find, progress


def status(model: Models, upload_id: str, *, now: datetime) -> LabelUploadStatus:
    """Return the progress of an upload. Raises NotFound, also for an upload that is older than a week."""
    upload = find(model, upload_id, "labels")
    counts = upload.counts or {"accepted": 0, "rejected": 0, "unlabelled": 0}
    return LabelUploadStatus(**progress(upload, now), **counts)
