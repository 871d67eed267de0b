"""What MiniStack does otherwise than AWS where this application can tell, put right.

Each change replaces a private function, so the version is pinned in `requirements/dev.in`, and each has a test in
`tests/local/` which fails without it. Whoever raises the version runs those with the change taken out first: what
passes then is no longer needed.
"""

from local.patches import alarms, buckets, events, gateway, permissions, tables, transforms


def install() -> None:
    """Apply all of them; once in a process, before MiniStack serves."""
    gateway.install()
    tables.install()
    events.install()
    permissions.install()
    alarms.install()
    buckets.install()
    transforms.install()
