"""AWS clients, one per service and process, with time-outs shorter than those of the functions."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config


@cache
def client(service: str) -> Any:
    """Return the boto3 client of a service. The first call creates it."""
    options = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
    if service == "s3":
        # Presigned URLs name the bucket's own region, because the global endpoint redirects requests for a new bucket.
        options = options.merge(Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))
    return boto3.client(service, config=options)
