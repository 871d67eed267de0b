"""Serve the static files of the dashboard, which calls the API with the visitor's own key."""

from pathlib import Path
from typing import Final

from aws_lambda_powertools.event_handler import Response

from driftguard.api.resolver import NOTHING_HERE, Api
from driftguard.platform.errors import NotFound

app = Api(public=["/", "/dashboard", "/dashboard/{proxy+}"])

STATIC: Final = Path(__file__).parent / "static"
TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
}
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
ONE_YEAR: Final = "public, max-age=31536000, immutable"


@app.get("/", security=[], include_in_schema=False)
def root() -> Response[str]:
    """Redirect to the page. The URL is absolute, because the address may end with the stage or with a slash."""
    headers: dict[str, str | list[str]] = {
        "Location": f"{app.base_url}/dashboard",
        "Cache-Control": "no-cache",
        "Referrer-Policy": "no-referrer",
    }
    return Response(status_code=302, content_type="text/plain", body="", headers=headers)


@app.get("/dashboard", security=[], include_in_schema=False)
def page() -> Response[str]:
    """Return the page. Browsers do not cache it, so that a deployment is visible at once."""
    if app.current_event.path.endswith("/"):  # relative links on the page need the path without a slash
        return Response(status_code=308, content_type="text/plain", body="", headers={"Location": "../dashboard"})
    return _file(STATIC / "index.html", "no-cache")


@app.get("/dashboard/<name>", security=[], include_in_schema=False)
def asset(name: str) -> Response[str]:
    """Return a script, style sheet or picture. Its name contains a hash of its content, so it never changes."""
    # The name comes from the request, so it is compared with the files and never becomes a path itself.
    path = next((path for path in STATIC.iterdir() if path.name == name and path.suffix in TYPES), None)
    if path is None or name == "index.html":
        raise NotFound(NOTHING_HERE)
    return _file(path, ONE_YEAR)


def _file(path: Path, cache: str) -> Response[str]:
    headers: dict[str, str | list[str]] = {**HEADERS, "Cache-Control": cache}
    return Response(
        status_code=200, content_type=TYPES[path.suffix], body=path.read_text(encoding="utf-8"), headers=headers
    )


handler = app.handle
