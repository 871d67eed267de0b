"""The launcher on an empty account: it deploys nothing itself, so that a test can, as one would on AWS."""

import json
import sys
from pathlib import Path

from local import __main__, settings

configure = settings.configure


def empty(state: Path, endpoint: str) -> None:
    """Say where the account is, once it can be called, instead of deploying into it."""
    configure(state, endpoint)
    from local.launcher import Launcher
    from local.stack import Stack

    def deploy(_launcher: Launcher) -> Stack:
        unfinished = state / "stack.json.new"
        unfinished.write_text(json.dumps({"aws_endpoint": endpoint}))
        unfinished.replace(state / "stack.json")
        return Stack(endpoint, {}, {})

    setattr(Launcher, "_deploy", deploy)  # noqa: B010 - which mypy would rather not see assigned


settings.configure = empty
sys.exit(__main__.main())
