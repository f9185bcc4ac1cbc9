"""Files handed in and brought out: kept in Django's storage, made visible by a row.

The file is written first, under a name nobody else has; the row that names it commits with the upload or with
the outcome of the job. If we die between the two, a file without a row is left, and `sweep_files` takes it.
"""

from jobs.artifacts.expiry import delete_artifacts, expired_artifacts, forget
from jobs.artifacts.field import ArtifactField, ArtifactId, artifact_fields, artifact_ids, files_of
from jobs.artifacts.links import make_link, open_link
from jobs.artifacts.results import Artifacts, Saved, discard, publish
from jobs.artifacts.storage import delete_files, open_file
from jobs.artifacts.sweep import orphan_files, sweep_files
from jobs.artifacts.uploads import store_upload
from jobs.artifacts.uses import check_uses, drop_uses, opener, record_uses

__all__ = [
    "ArtifactField",
    "ArtifactId",
    "Artifacts",
    "Saved",
    "artifact_fields",
    "artifact_ids",
    "check_uses",
    "delete_artifacts",
    "delete_files",
    "discard",
    "drop_uses",
    "expired_artifacts",
    "files_of",
    "forget",
    "make_link",
    "open_file",
    "open_link",
    "opener",
    "orphan_files",
    "publish",
    "record_uses",
    "store_upload",
    "sweep_files",
]
