"""AWS's clients, one of each a process, with time-outs that fit a function's life."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config


@cache
def client(service: str) -> Any:
    """The boto3 client of a service, made when it is first needed."""
    options = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
    if service == "s3":
        # Presigned URLs lead to the bucket's own region, where a new bucket is found at once.
        options = options.merge(Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))
    return boto3.client(service, config=options)
