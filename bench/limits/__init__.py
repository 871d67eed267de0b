"""Every function at its documented maximum: memory, processor time, items and answers."""

import os

# Boto3 and Powertools read these when they are imported.
for name, value in {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "POWERTOOLS_SERVICE_NAME": "driftguard",
    "POWERTOOLS_METRICS_NAMESPACE": "DriftGuard/driftguard",
}.items():
    os.environ.setdefault(name, value)
