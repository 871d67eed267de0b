"""Answers with what it was called with, or as the path asks."""

import importlib.util
import json
import os
import time
import urllib.request
from typing import Any


def handler(event: dict[str, Any], context: Any) -> Any:
    path = event.get("path", "").removeprefix("/any/")
    print("called with", path)
    if path == "malformed" or event.get("malformed"):
        return {"status": 200}
    if path == "raises":
        raise RuntimeError("on purpose")
    if path == "exits":
        os._exit(3)
    if path.startswith("sleeps/") or "sleep" in event:
        time.sleep(float(event.get("sleep") or path.removeprefix("sleeps/")))
    if path == "sends":
        request = urllib.request.Request(
            os.environ["OUTGOING_ENDPOINT"],
            b'{"text": "drift"}',
            {"content-type": "application/json", "x-driftguard-to": "https://hooks.slack.com/services/T/B/x"},
        )
        urllib.request.urlopen(request).read()
    about = {
        "event": event,
        "pid": os.getpid(),
        "request_id": context.aws_request_id,
        "milliseconds_left": context.get_remaining_time_in_millis(),
        "modules": [name for name in ("in_layer", "boto3", "numpy", "pytest") if importlib.util.find_spec(name)],
        "variables": sorted(os.environ),
    }
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(about)}
