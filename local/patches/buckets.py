"""S3: a stack's bucket that holds objects is not deleted."""

from typing import Any

from ministack.services import s3
from ministack.services.cloudformation import provisioners


def install() -> None:
    """Wrap deleting a bucket."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    delete = handler["delete"]

    def delete_bucket(physical_id: str, properties: Any) -> None:
        if s3._buckets.get(physical_id, {}).get("objects") or s3._bucket_has_versions(physical_id):
            raise ValueError(f"The bucket you tried to delete is not empty: {physical_id}")
        delete(physical_id, properties)

    handler["delete"] = delete_bucket
