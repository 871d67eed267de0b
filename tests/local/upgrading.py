"""An empty account of the emulator that calls each function between the two steps of its update.

It calls the function itself and its alias, and notes the answers in `between.jsonl` beside the stack's data.
"""

import json
from pathlib import Path
from typing import Any

from local import settings

BROKEN = ("Runtime.", "Sandbox.")
"""How the types of errors begin that come from Lambda: the function could not be imported."""

configure = settings.configure


def between(state: Path, endpoint: str) -> None:
    """Configure the emulator, and wrap the two steps in which it updates a function."""
    configure(state, endpoint)
    from ministack.services import lambda_svc

    notes = state / "between.jsonl"

    def call(name: str, step: str) -> None:
        for qualifier in ("$LATEST", "live"):
            record, config = lambda_svc._get_func_record_for_qualifier(name, qualifier)
            if record is None:
                continue
            function = lambda_svc._execution_record_for_config(record, config)
            answer = lambda_svc._execute_function_warm(function, {"between": step}, "")
            body = answer.get("body")
            error = body.get("errorType", "") if answer.get("error") and isinstance(body, dict) else ""
            note = {"function": name, "step": step, "by": qualifier, "broken": error.startswith(BROKEN), "error": error}
            with notes.open("a") as file:
                file.write(json.dumps(note) + "\n")

    def wrap(step: str) -> None:
        original = getattr(lambda_svc, f"_update_{step}")

        def update(name: str, *arguments: Any, **options: Any) -> Any:
            answer = original(name, *arguments, **options)
            call(name, step)
            return answer

        setattr(lambda_svc, f"_update_{step}", update)

    wrap("code")
    wrap("config")


settings.configure = between

import tests.local.empty  # noqa: E402, F401 - it serves as soon as it is imported
