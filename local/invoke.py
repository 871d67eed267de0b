"""Invokes one function of the stack that serves: `make invoke FUNCTION=LogPredictionsFunction EVENT=events/x.json`."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from local import settings
from local.stack import client


def main(function: str, event: str) -> int:
    """Print the function's answer; 1 when it failed or there is nothing to invoke."""
    file = Path(os.environ.get("DRIFTGUARD_STACK", settings.STATE / "stack.json"))
    if not file.exists():
        return _refuse(f"no stack serves here ({file} is missing): start one with `make local`")
    stack: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    functions = sorted(name for name in stack["resources"] if name.endswith("Function"))
    if function not in functions:
        return _refuse(f"FUNCTION must be one of {', '.join(functions)}")
    if event and not Path(event).is_file():
        return _refuse(f"EVENT must name a file: {event} is none")
    payload = Path(event).read_bytes() if event else b"{}"
    name = stack["resources"].get(f"{function}Aliaslive", stack["resources"][function])
    answer = client("lambda", stack["aws_endpoint"]).invoke(FunctionName=name, Payload=payload)
    print(json.dumps(json.loads(answer["Payload"].read() or b"null"), indent=2, ensure_ascii=False))
    return 1 if "FunctionError" in answer else 0


def _refuse(message: str) -> int:
    print(f"invoke: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2] if len(sys.argv) > 2 else ""))
