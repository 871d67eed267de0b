"""The launcher with a gateway that gives up after two seconds instead of 29, so that a test need not wait."""

import sys
from pathlib import Path

from local import __main__, settings

configure = settings.configure


def in_a_hurry(state: Path, endpoint: str) -> None:
    configure(state, endpoint)
    from local.patches import gateway

    gateway.INTEGRATION_SECONDS = 2.0


settings.configure = in_a_hurry
sys.exit(__main__.main())
