"""Show the uploads of baseline files. `baselines.building` builds the baselines."""

from datetime import datetime

from driftguard.baselines import versions
from driftguard.baselines.schemas import UploadStatus
from driftguard.models.tables import Models
from driftguard.uploads.announcing import find, progress


def status(model: Models, upload_id: str, *, now: datetime) -> UploadStatus:
    """Return the progress of an upload. Raises NotFound, also for an upload that is older than a week."""
    upload = find(model, upload_id, "baseline")
    fields = progress(upload, now)
    done = fields["status"] == "done"
    return UploadStatus(
        **fields,
        baseline_version=int(upload.version) if done else None,
        columns=versions.columns(model, int(upload.version)) if done else None,
    )
