"""Where the URL and the API key come from: arguments, then the environment, then `~/.config/driftguard.ini`."""

from __future__ import annotations

import os
import sys

from driftguard_client.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

URL = "DRIFTGUARD_URL"
API_KEY = "DRIFTGUARD_API_KEY"
PROFILE = "DRIFTGUARD_PROFILE"
CONFIG = "DRIFTGUARD_CONFIG"

PAGES = ("dashboard", "docs", "health", "openapi.json")
"""Paths that people open in a browser and copy with the URL."""

NO_URL = (
    f"No URL of a DriftGuard service. Pass url=, set {URL}, or run `driftguard login`. "
    "On AWS the URL is the stack's output ApiUrl."
)
NO_KEY = f"No API key. Pass api_key=, set {API_KEY}, or run `driftguard login`."


class Connection:
    """The URL and the API key of a service. `url_from` and `key_from` say where they were found."""

    __slots__ = ("api_key", "key_from", "url", "url_from")

    def __init__(self, url: str | None, api_key: str | None, url_from: str, key_from: str) -> None:
        self.url = url
        self.api_key = api_key
        self.url_from = url_from
        self.key_from = key_from

    @property
    def problem(self) -> str | None:
        """Return the sentence that says what is missing or wrong; None if the connection is complete."""
        if not self.url:
            return NO_URL
        if not self.url.startswith(("http://", "https://")):
            return f"The URL {self.url!r} (from {self.url_from}) must start with https:// or http://."
        page, base = _page_of(self.url)
        if page:
            return f"The URL {self.url!r} (from {self.url_from}) is that of a page. Use it without /{page}: {base}"
        if not self.api_key:
            return NO_KEY
        if not self.api_key.isascii() or any(character.isspace() for character in self.api_key):
            return f"The API key (from {self.key_from}) contains a character that no key has. Copy the key again."
        return None


def _page_of(url: str) -> tuple[str | None, str]:
    """Return the part of a URL that names a page of the service, and the URL before it."""
    parts = url.partition("#")[0].partition("?")[0].split("/")
    for place, part in enumerate(parts[3:], 3):
        if part in PAGES:
            return part, "/".join(parts[:place])
    return None, url


def config_path() -> str:
    """Return the path of the configuration file."""
    named = os.environ.get(CONFIG)
    if named:
        return named
    folder = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(folder, "driftguard.ini")


def find_connection(url: str | None = None, api_key: str | None = None, profile: str | None = None) -> Connection:
    """Return the connection of the arguments, the environment or the configuration file, in this order.

    profile: the section of the configuration file; `default` if it is not given here nor in DRIFTGUARD_PROFILE.
    """
    url_from = key_from = "the argument"
    if profile is None:
        if not url and os.environ.get(URL):
            url, url_from = os.environ[URL], URL
        if not api_key and os.environ.get(API_KEY):
            api_key, key_from = os.environ[API_KEY], API_KEY
    if not (url and api_key):
        path = config_path()
        section = profile or os.environ.get(PROFILE) or "default"
        stored = _read(path).get(section, {})
        if not url and stored.get("url"):
            url, url_from = stored["url"], f"{path} [{section}]"
        if not api_key and stored.get("api_key"):
            api_key, key_from = stored["api_key"], f"{path} [{section}]"
    return Connection(
        url.strip().rstrip("/") if url else None, api_key.strip() if api_key else None, url_from, key_from
    )


def save_connection(url: str, api_key: str, profile: str = "default") -> str:
    """Write a connection into the configuration file, readable by its owner only. Return the path of the file."""
    import configparser

    path = config_path()
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
    except configparser.Error as error:
        raise ConfigurationError(f"{path} is not a valid configuration file: {error}") from None
    if not parser.has_section(profile):
        parser.add_section(profile)
    parser.set(profile, "url", url)
    parser.set(profile, "api_key", api_key)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if sys.platform != "win32":
            os.fchmod(descriptor, 0o600)
        parser.write(file)
    return path


def _read(path: str | Path) -> dict[str, dict[str, str]]:
    if not os.path.exists(path):
        return {}
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}
    return {section: dict(parser.items(section)) for section in parser.sections()}
