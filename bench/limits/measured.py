"""Runs a function's handler on one event within a limit of memory: `python -m bench.limits.measured JOB RESULT`.

The process imports what the function imports and nothing else that is large.
"""

import importlib.util
import json
import os
import resource
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bench.limits import distant

ROOT = Path(__file__).parents[2]


def main(job: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of the function, its peak of memory in bytes, and its CPU time in seconds."""
    os.environ.update(job["variables"])
    distant.use(job["socket"])
    resource.setrlimit(resource.RLIMIT_DATA, (job["limit"], job["limit"]))
    module = _load(job["function"])
    event = json.loads(Path(job["event"]).read_text())
    begun = time.process_time()
    context = SimpleNamespace(
        function_name=job["function"],
        memory_limit_in_mb=job["memory"],
        invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:function",
        aws_request_id="00000000-0000-0000-0000-000000000000",
        get_remaining_time_in_millis=lambda: round((begun + job["seconds"] - time.process_time()) * 1000),
    )
    answer = module.handler(event, context)
    return {
        "answer_bytes": len(json.dumps(answer, ensure_ascii=False).encode()),
        "answer": answer,
        "cpu": time.process_time() - begun,
        "peak": _peak(),
    }


def _load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"functions.{name}.app", ROOT / f"functions/{name}/app.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"functions/{name}/app.py cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    outgoing: Any = sys.modules.get("driftguard.notifications.outgoing")
    if outgoing is not None and hasattr(module, "by_urllib3"):
        # The provider accepts every message.
        names = vars(module)
        names["by_urllib3"] = lambda _call: outgoing.Answer(200, {}, "ok")
        names["system_resolver"] = lambda _host, _port: ["3.3.3.3"]
    triggers: Any = sys.modules.get("driftguard.checks.triggers")
    if triggers is not None:
        # The time of this process only, so that neither moto nor the machine's other work count.
        clock = SimpleNamespace(monotonic=time.process_time, perf_counter=time.process_time)
        triggers.time = clock
    return module


def _peak() -> int:
    """Return the largest resident memory of this process. `ru_maxrss` also counts the process that started it."""
    status = Path("/proc/self/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kilobytes) * 1024


if __name__ == "__main__":
    found = main(json.loads(Path(sys.argv[1]).read_text()))
    Path(sys.argv[2]).write_text(json.dumps(found))
