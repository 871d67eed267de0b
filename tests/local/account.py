"""The launcher on an empty account: it deploys nothing itself, so that a test can, as it would on AWS."""

import json
import sys
from pathlib import Path

from local import __main__, settings

configure = settings.configure


def empty(state: Path, endpoint: str) -> None:
    configure(state, endpoint)
    from local.launcher import Launcher
    from local.stack import Stack

    def deploy(launcher: Launcher) -> Stack:
        content = {"url": launcher._url, "aws_endpoint": endpoint, "api_keys": {"admin": ""}, "resources": {}}
        unfinished = state / "stack.json.new"
        unfinished.write_text(json.dumps(content))
        unfinished.replace(state / "stack.json")
        return Stack(endpoint, {}, {})

    Launcher._deploy = deploy  # type: ignore[method-assign]


settings.configure = empty
sys.exit(__main__.main())
