"""Channels: accepted settings, shown fields, wanted events, and the URLs that a webhook may have."""

import ipaddress
import json
import socket
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from driftguard.alerts.schemas import Severity
from driftguard.notifications import addresses
from driftguard.notifications.addresses import ParsedUrl, Refused, check_url, literal_address, pin
from driftguard.notifications.providers import base
from driftguard.notifications.providers.base import STORED, NewChannel, ShownChannel, StoredChannel
from driftguard.notifications.providers.email import as_header
from driftguard.notifications.schemas import NEW_CHANNEL, Channel, ChannelPatch, ChannelSettings, ChannelType

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
HOOK = "https://hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx"


def stored(**body: Any) -> StoredChannel:
    """A channel with these settings."""
    return StoredChannel("C1", "org", NEW_CHANNEL.validate_python(body), NOW, NOW)


def shown(**body: Any) -> ShownChannel:
    """The API's response for a channel with these settings."""
    channel = stored(**body)
    return channel.settings.shown(channel.common)


@pytest.mark.parametrize(
    ("body", "place", "said"),
    [
        ({}, ("type",), "email, slack, webhook, pagerduty or teams"),
        ({"type": "fax"}, ("type",), "email, slack, webhook, pagerduty or teams"),
        ({"type": "email"}, ("to",), "required"),
        ({"type": "email", "to": []}, ("to",), "at least 1"),
        ({"type": "email", "to": [f"a{n}@example.com" for n in range(51)]}, ("to",), "at most 50"),
        ({"type": "email", "to": ["a@example.com", "a@example.com"]}, ("to",), "duplicates"),
        ({"type": "email", "to": ["not an address"]}, ("to", 0), "@"),
        ({"type": "email", "to": ["a@example.com\r\nBcc: b@example.com"]}, ("to", 0), "invalid characters"),
        ({"type": "email", "to": ["=?utf-8?q?a?=@b.de"]}, ("to", 0), "header of an e-mail"),
        ({"type": "email", "to": ["a@example.com", "=?iso-8859-1?b?YQ==?=@b.de"]}, ("to", 1), "header of an e-mail"),
        ({"type": "email", "to": ["a@example.com", "x" * 10**6]}, ("to", 1), "at most 320"),
        ({"type": "email", "to": "a@example.com"}, ("to",), "list"),
        ({"type": "email", "to": ["a@example.com"], "model_ids": []}, ("model_ids",), "at least 1"),
        ({"type": "email", "to": ["a@example.com"], "alert_types": []}, ("alert_types",), "at least 1"),
        ({"type": "email", "to": ["a@example.com"], "alert_types": ["drift"]}, ("alert_types", 0), "data_drift"),
        ({"type": "email", "to": ["a@example.com"], "min_severity": "low"}, ("min_severity",), "LOW"),
        ({"type": "email", "to": ["a@example.com"], "enabled": "yes"}, ("enabled",), "boolean"),
        ({"type": "email", "to": ["a@example.com"], "webhook_url": HOOK}, ("webhook_url",), "not permitted"),
        ({"type": "email", "to": ["a@example.com"], "name": "a\nb"}, ("name",), "control characters"),
        ({"type": "slack"}, ("webhook_url",), "required"),
        ({"type": "slack", "webhook_url": "https://hooks.slack.com/****"}, ("webhook_url",), "masked"),
        ({"type": "slack", "webhook_url": "http://hooks.slack.com/x"}, ("webhook_url",), "https://"),
        ({"type": "slack", "webhook_url": "https://10.0.0.1/x"}, ("webhook_url",), "private"),
        ({"type": "webhook"}, ("url",), "required"),
        ({"type": "webhook", "url": "https://10.0.0.1/x"}, ("url",), "private"),
        ({"type": "webhook", "url": "https://a.example/****"}, ("url",), "masked"),
        ({"type": "webhook", "url": "https://a.example/x", "secret": ""}, ("secret",), "at least 1"),
        ({"type": "webhook", "url": "https://a.example/x", "secret": "****"}, ("secret",), "masked"),
        ({"type": "webhook", "url": "https://a.example/x", "secret": "a\nb"}, ("secret",), "control characters"),
        ({"type": "webhook", "webhook_url": HOOK, "url": "https://a.example/x"}, ("webhook_url",), "not permitted"),
        ({"type": "pagerduty"}, ("routing_key",), "required"),
        ({"type": "pagerduty", "routing_key": "short"}, ("routing_key",), "32 letters"),
        ({"type": "pagerduty", "routing_key": "****"}, ("routing_key",), "masked"),
        ({"type": "pagerduty", "routing_key": "k" * 32, "region": "mars"}, ("region",), "'us' or 'eu'"),
        ({"type": "teams", "webhook_url": "https://localhost/x"}, ("webhook_url",), "private"),
    ],
)
def test_what_is_wrong_with_a_channel_is_named_by_its_place(body: Any, place: tuple[Any, ...], said: str) -> None:
    """Each mistake gives one error at the place that the client wrote, and no error repeats a secret."""
    with pytest.raises(ValidationError) as caught:
        NEW_CHANNEL.validate_python(body)
    (error,) = caught.value.errors()
    assert error["loc"] == place
    assert said in error["msg"]
    assert "10.0.0.1" not in str(caught.value)


def test_addresses_are_taken_in_their_ascii_form_and_local_domains_too() -> None:
    """A company's internal mail domain is accepted, and an international domain is stored in ASCII."""
    channel = stored(type="email", to=["ops@mail.local", "ops@localhost", "team@bücher.example"])
    assert list(channel.settings.targets) == ["ops@mail.local", "ops@localhost", "team@xn--bcher-kva.example"]


@given(st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,20}", fullmatch=True))
def test_an_accepted_address_can_be_sent_to(local: str) -> None:
    """An address that a channel accepts is the one that the header To of its messages names."""
    try:
        (address,) = stored(type="email", to=[f"{local}@example.com"]).settings.targets
    except ValidationError:
        return
    message = EmailMessage()
    message["To"] = as_header(address)
    read = message_from_bytes(message.as_bytes(policy=SMTP), policy=SMTP)
    assert [each.addr_spec for each in read["To"].addresses] == [address]


@pytest.mark.parametrize(
    "body",
    [
        {"type": "email", "to": ["=?utf-8?q?a?=@b.de"]},
        {"type": "slack", "webhook_url": "https://[::127.0.0.1]/x"},
        {"type": "teams", "webhook_url": "https://[fec0::1]/x"},
        {"type": "webhook", "url": "https://[2002:808:808::]/x"},
    ],
)
def test_a_stored_channel_is_read_under_later_rules(body: dict[str, Any]) -> None:
    """Settings that today's rules refuse are read from the table and shown, so the other channels keep working."""
    with pytest.raises(ValidationError):
        NEW_CHANNEL.validate_python(body)
    channel = StoredChannel("C1", "org", NEW_CHANNEL.validate_json(json.dumps(body), context=STORED), NOW, NOW)
    assert channel.settings.shown(channel.common).name
    assert channel.settings.targets


def test_every_channel_type_is_a_file_and_a_member_of_each_union() -> None:
    """A provider's file, the types' names, both unions and the fields of a patch list the same channel types."""
    settings: tuple[type[NewChannel], ...] = get_args(ChannelSettings.__value__)
    files = {path.stem for path in Path(base.__file__).parent.glob("*.py")} - {"__init__", "base"}
    assert {get_args(each.model_fields["type"].annotation)[0] for each in settings} == set(get_args(ChannelType))
    assert {each.__module__.rpartition(".")[2] for each in settings} == set(get_args(ChannelType)) == files
    answers = get_args(get_args(Channel)[0])
    assert [each.__name__ for each in settings] == [f"New{each.__name__}" for each in answers]
    assert set(ChannelPatch.model_fields) == {name for each in settings for name in each.model_fields}


SECRETS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"type": "slack", "webhook_url": HOOK}, {"webhook_url": "https://hooks.slack.com/****"}),
    ({"type": "teams", "webhook_url": "https://a.logic.azure.com:443/T00000000"},
     {"webhook_url": "https://a.logic.azure.com/****"}),
    ({"type": "webhook", "url": "https://a.example/T00000000", "secret": "T00000000"},
     {"url": "https://a.example/****", "secret": "****"}),
    ({"type": "pagerduty", "routing_key": "T00000000T00000000T00000000T0000"}, {"routing_key": "****"}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "masks"), SECRETS, ids=lambda part: part.get("type", ""))
def test_secrets_are_shown_masked_and_nowhere_else(body: dict[str, Any], masks: dict[str, str]) -> None:
    """Responses, names and representations contain at most the host of a secret URL."""
    channel = stored(**body)
    answer = shown(**body)
    fields = answer.model_dump(mode="json")
    assert {name: fields[name] for name in masks} == masks
    for text in (repr(channel), str(channel), channel.name, answer.model_dump_json()):
        assert "T00000000" not in text


def test_a_webhook_without_a_secret_shows_none() -> None:
    """A webhook channel without a secret is shown without one."""
    assert "secret" not in shown(type="webhook", url="https://a.example/x").model_dump(mode="json")


def test_model_ids_are_absent_rather_than_null() -> None:
    """A channel for all models is shown without model_ids, a channel for some models with them."""
    assert "model_ids" not in shown(type="slack", webhook_url=HOOK).model_dump(mode="json")
    some = shown(type="slack", webhook_url=HOOK, model_ids=["m1"])
    assert some.model_dump(mode="json")["model_ids"] == ["m1"]


def test_a_channel_has_defaults_and_a_name_that_says_what_it_is() -> None:
    """By default a channel is enabled, receives alerts of all models from MEDIUM on, and is named by its type."""
    email = shown(type="email", to=["ops@example.com"])
    assert (email.name, email.enabled, email.min_severity) == ("E-mail to ops@example.com", True, "MEDIUM")
    assert email.health.status == "ok"
    assert shown(type="slack", webhook_url=HOOK, name="Alerts").name == "Alerts"
    assert stored(type="webhook", url="https://a.example/x").name == "Webhook at a.example"
    assert stored(type="teams", webhook_url="https://a.example/x").name == "Microsoft Teams"


def test_only_who_calls_people_hears_of_acknowledgements() -> None:
    """Only PagerDuty channels want acknowledgements."""
    kinds: list[dict[str, Any]] = [
        {"type": "pagerduty", "routing_key": "k" * 32},
        {"type": "slack", "webhook_url": HOOK},
        {"type": "webhook", "url": HOOK},
        {"type": "email", "to": ["a@example.com"]},
    ]
    wanted = [stored(**body).settings.wants("acknowledged", "m1", "HIGH", "data_drift") for body in kinds]
    assert wanted == [True, False, False, False]


@pytest.mark.parametrize(
    ("settings", "model_id", "severity", "wanted"),
    [
        ({}, "m1", "LOW", False),
        ({}, "m1", "MEDIUM", True),
        ({"min_severity": "LOW"}, "m1", "LOW", True),
        ({"min_severity": "HIGH"}, "m1", "MEDIUM", False),
        ({"min_severity": "HIGH"}, "m1", "HIGH", True),
        ({"model_ids": ["m1", "m2"]}, "m2", "HIGH", True),
        ({"model_ids": ["m1", "m2"]}, "m3", "HIGH", False),
        ({"enabled": False}, "m1", "HIGH", False),
        ({"alert_types": ["data_drift", "no_data"]}, "m1", "HIGH", True),
        ({"alert_types": ["data_quality"]}, "m1", "HIGH", False),
    ],
)
def test_a_channel_wants_its_models_and_severities(
    settings: dict[str, Any], model_id: str, severity: Severity, wanted: bool
) -> None:
    """An event is wanted only if the severity, the model, the alert type and the switch all allow it."""
    channel = stored(type="slack", webhook_url=HOOK, **settings)
    assert channel.settings.wants("opened", model_id, severity, "data_drift") is wanted


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001", "0.0.0.0", "10.1.2.3", "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "[::1]", "[::]",
        "[fe80::1]", "[fd00:ec2::254]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "[2002:a00:1::]", "[ff02::1]",
        "[::127.0.0.1]", "[::8.8.8.8]", "[::ffff:0:127.0.0.1]", "[::ffff:0:8.8.8.8]", "[fec0::1]", "[feff::1]",
        "[2002:808:808::]", "[64:ff9b:1::808:808]", "[64:ff9b::7f00:1]", "[2001::1]", "[2001:db8::1]", "[2001:10::1]",
        "[3fff::1]", "[5f00::1]", "[100::1]", "[1::1]", "[4000::1]", "[e000::1]", "192.88.99.1", "240.0.0.1",
        "localhost", "LOCALHOST", "localhost.", "a.localhost", "printer.local", "metadata.google.internal",
        "ip-10-0-0-1.ec2.internal",
    ],
)  # fmt: skip
def test_private_and_local_hosts_are_refused_without_asking_anybody(host: str) -> None:
    """Private, loopback, link-local and metadata addresses are refused in every notation before DNS is asked."""
    with pytest.raises(Refused, match="private or local"):
        check_url(f"https://{host}/hook")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "example.com", "https://", "https:///x", "https://exa mple.com/",
        "https://user:secret@example.com/", "https://user@example.com/", "https://example.com:0x50/",
        "https://example.com:99999/", "https://example.com/\r\nX: y", "https://exämple.com/", "https://１２７.0.0.1/",
        "https://example.com/" + "x" * 2048, "https://exa%6dple.com/", "https://example.com\\@evil.example/",
        "https://[::1", f"https://{'a' * 64}.example/", f"https://{'a.' * 130}example/",
    ],
)  # fmt: skip
def test_what_is_not_plainly_an_https_address_is_refused(url: str) -> None:
    """Other schemes, credentials, control characters and incomplete URLs are refused."""
    with pytest.raises(Refused) as caught:
        check_url(url)
    assert "secret" not in str(caught.value)


def test_a_public_address_is_taken_apart() -> None:
    """A URL is parsed into its lower-case host, its port, and its path with the query."""
    assert check_url(HOOK).host == "hooks.slack.com"
    assert check_url("https://Example.COM.:8443/a/b?c=d#e") == ParsedUrl("example.com", 8443, "/a/b?c=d")
    assert check_url("https://8.8.8.8") == ParsedUrl("8.8.8.8", 443, "/")
    assert check_url("https://[2606:4700::1111]/x").host == "2606:4700::1111"
    assert literal_address("hooks.slack.com") is None


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_outside_of_global_unicast_is_refused(address: ipaddress.IPv6Address) -> None:
    """An address is accepted only within 2000::/3, or if it stands for a public IPv4 address."""
    ordinary = address in ipaddress.IPv6Network("2000::/3")
    stands_for_ipv4 = address.ipv4_mapped is not None or address in ipaddress.IPv6Network("64:ff9b::/96")
    try:
        check_url(f"https://[{address}]/")
    except Refused:
        return
    assert ordinary or stands_for_ipv4


def test_an_address_that_stands_for_a_public_ipv4_address_is_accepted() -> None:
    """The mapped form and the answers of DNS64 are accepted when their IPv4 address is public."""
    for host in ("[::ffff:8.8.8.8]", "[64:ff9b::808:808]", "[2606:4700::1111]", "[2a00:1450:4001::1]"):
        check_url(f"https://{host}/")


def test_a_lookup_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver gives up after its own time, and an unknown host is still an OSError."""
    release = threading.Event()
    monkeypatch.setattr(addresses, "RESOLVING", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_options: release.wait(5) and [])
    with pytest.raises(OSError, match="in time"):
        addresses.system_resolver("slow.example", 443)
    release.set()


def test_a_name_is_pinned_to_a_public_address_ipv4_first() -> None:
    """IPv4 addresses are preferred over IPv6 addresses."""
    answers: dict[str, Sequence[str]] = {"example.com": ["2606:4700::1111", "93.184.216.34"]}
    assert pin(check_url("https://example.com/"), lambda host, port: answers[host]) == "93.184.216.34"


@pytest.mark.parametrize(
    "private", ["127.0.0.1", "169.254.169.254", "10.0.0.8", "::1", "::ffff:127.0.0.1", "fe80::1%eth0"]
)
def test_a_name_with_any_private_address_is_refused(private: str) -> None:
    """One private address among public addresses makes the host refused."""
    with pytest.raises(Refused, match="private or local"):
        pin(check_url("https://rebinding.example/"), lambda host, port: ["93.184.216.34", private])


def test_a_name_without_addresses_is_unknown() -> None:
    """A host without addresses is treated as unknown."""
    with pytest.raises(OSError, match="no addresses"):
        pin(check_url("https://example.com/"), lambda host, port: [])
