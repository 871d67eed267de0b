"""Generates the API's OpenAPI document from the functions' own types. With --check it only compares."""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler.openapi.models import APIKey, APIKeyIn

from driftguard.api.resolver import Api
from scripts.generate.written import write_or_check

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "layers/driftguard/driftguard/openapi.json"
DESCRIPTION = "Watches machine-learning models in production for drift. Every time is RFC 3339 in UTC."


def main() -> int:
    """Write or check the document. Return the exit code."""
    text = json.dumps(document(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    return write_or_check(TARGET, text, about=__doc__, make="openapi")


def document() -> dict[str, Any]:
    """Merge the documents of all functions. Raises ValueError if two functions define a name differently."""
    merged: dict[str, Any] = {}
    for path in sorted(ROOT.glob("functions/*/app.py")):
        app = load(path)
        if app is None:
            continue
        part = json.loads(
            app.get_openapi_json_schema(
                title="DriftGuard",
                version="1",
                description=DESCRIPTION,
                security_schemes={"api_key": APIKey(name="x-api-key", in_=APIKeyIn.header)},
                security=[{"api_key": []}],
            )
        )
        for route, methods in part.pop("paths", {}).items():
            if route in app.public:
                for operation in methods.values():
                    operation["security"] = []  # an empty list means "no key"; Powertools drops it
            known = merged.setdefault("paths", {}).setdefault(route, {})
            add(known, methods, route)
        components = part.pop("components", {})
        for kind, entries in components.items():
            add(merged.setdefault("components", {}).setdefault(kind, {}), entries, kind)
        merged.update(part)
    merged.pop("servers", None)
    return merged


def add(known: dict[str, Any], entries: dict[str, Any], where: str) -> None:
    """Merge `entries` into `known`. Raises ValueError if a name has two definitions."""
    for name, entry in entries.items():
        if known.setdefault(name, entry) != entry:
            raise ValueError(f"two functions define {name} of {where} differently; make them equal or rename one")


def load(path: Path) -> Api | None:
    """Return the API of a function, or None if the function does not serve the API."""
    name = f"functions.{path.parent.name}.app"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    app = getattr(module, "app", None)
    return app if isinstance(app, Api) else None


if __name__ == "__main__":
    sys.exit(main())
