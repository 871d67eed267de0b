"""Channel × fault: every alert event arrives, whatever fails, and the table in docs/delivery.md says how often.

The notify functions' own handlers send through their real clients to a real HTTPS server, a real SMTP server with TLS
and passwords, and a real HTTP server that speaks as SES does. Tables and queues are the template's own, in moto; the
test plays SNS, SQS and Lambda: who calls again, when, and how often, on a clock that does not have to be waited for.
"""

import base64
import email
import hashlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import urllib3
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from botocore.config import Config
from moto import mock_aws

from driftguard.alerts.events import AlertEvent, news_of
from driftguard.notifications import http_client, outgoing, transports
from driftguard.notifications.deliveries import Deliveries
from driftguard.notifications.example import example
from driftguard.notifications.providers.base import StoredChannel
from driftguard.notifications.schemas import NEW_CHANNEL
from driftguard.notifications.tables import Channels
from driftguard.platform import aws, dynamodb
from driftguard.platform.environment import Environment
from driftguard.platform.ids import new_id
from sandbox import stack
from sandbox.gateway import LambdaContext, function
from tests.local.ends import Certificate, certificate_in

TABLE = Path(__file__).parents[2] / "docs/delivery.md"

CHANNELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "e-mail, SES": ("email", "EMAIL", {"type": "email", "to": ["ops@example.com"]}),
    "e-mail, SMTP": ("email", "EMAIL", {"type": "email", "to": ["ops@example.com"]}),
    "Slack": ("slack", "SLACK", {"type": "slack", "webhook_url": "https://hooks.example/slack"}),
    "webhook": ("webhook", "WEBHOOK", {"type": "webhook", "url": "https://hooks.example/own", "secret": "s"}),
    "PagerDuty": ("webhook", "WEBHOOK", {"type": "pagerduty", "routing_key": "k" * 32}),
    "Teams": ("webhook", "WEBHOOK", {"type": "teams", "webhook_url": "https://hooks.example/teams"}),
}
"""Each with its function, its queues and its settings."""

DROPS_REPEATS = {"webhook", "PagerDuty"}
"""Whose other end can tell a repeat by its id, and does."""

FAULTS: dict[str, list[str]] = {
    "throttled (429)": ["throttle", "throttle"],
    "5xx": ["fail", "fail", "fail"],
    "hangs": ["hang"],
    "hangs up": ["close"],
    "bad credentials": ["refuse"] * 20,
    "takes it, then hangs": ["take and hang"],
    "crash before sending": ["crash before"],
    "crash after sending": ["crash after"],
    "redelivery": [],
    "poison message": ["fail"],
}
"""What the other end does with the first requests; after them it takes everything."""

UNKNOWABLE = {"takes it, then hangs", "crash after sending"}
"""Faults after which nobody on this side can know that the message was taken."""


PATIENCE = 0.8
"""Seconds that the senders wait here for an answer: short for what hangs, long for a busy machine."""


class Crash(BaseException):
    """The function's process dies."""


@dataclass
class End:
    """All providers: what they still have to do, and what they took."""

    script: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    during: list[Callable[[], None]] = field(default_factory=list)

    def next(self) -> str:
        """What to do with the request that has just come."""
        return self.script.pop(0) if self.script and not self.script[0].startswith("crash") else "take"

    @property
    def crash(self) -> str:
        """When the sender dies this time, if it does."""
        return self.script.pop(0) if self.script and self.script[0].startswith("crash") else ""


END = End()
ANSWERS = {"throttle": (429, "slow down"), "fail": (503, "down"), "refuse": (403, "invalid_token"), "take": (200, "ok")}
SES_ERRORS = {"throttle": "TooManyRequestsException", "fail": "InternalFailure", "refuse": "AccessDeniedException"}
RELEASE = threading.Event()


class Http(BaseHTTPRequestHandler):
    """Slack, Teams, PagerDuty, a webhook of one's own; and SES, by its path."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        what = END.next()
        if what in ("take", "take and hang"):
            END.taken.append(self._id(body))
        if what in ("hang", "take and hang"):
            RELEASE.wait(5)
        if what in ("hang", "take and hang", "close"):
            self.close_connection = True
            return
        status, words = ANSWERS[what]
        self.send_response(status)
        if what == "throttle":
            self.send_header("Retry-After", "120")
        if self.path == "/v2/email/outbound-emails":
            self.send_header("x-amzn-ErrorType", SES_ERRORS.get(what, ""))
            words = json.dumps({"MessageId": "ses-1", "message": words})
        self.send_header("Content-Length", str(len(words)))
        self.end_headers()
        self.wfile.write(words.encode())

    def _id(self, body: bytes) -> str:
        """What the provider can tell a repeat by."""
        content = json.loads(body)
        if self.path == "/own":
            return str(self.headers["x-driftguard-event-id"])
        if self.path == "/v2/enqueue":
            return f"{content['dedup_key']} {content['event_action']}"
        if self.path == "/v2/email/outbound-emails":
            return str(email.message_from_bytes(base64.b64decode(content["Content"]["Raw"]["Data"]))["Message-ID"])
        return hashlib.sha256(body).hexdigest()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        return


class Smtp:
    """An SMTP server's mailbox."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        what = END.next()
        if what in ("take", "take and hang"):
            END.taken.append(str(email.message_from_bytes(envelope.content)["Message-ID"]))
        if what in ("hang", "take and hang", "close"):
            session.loop.call_later(0 if what == "close" else 2 * PATIENCE, server.transport.abort)
            await session.loop.create_future()
        return {"throttle": "452 too many messages", "fail": "451 local error"}.get(what, "250 taken")


def authenticate(*_arguments: Any) -> AuthResult:
    """The password is right unless credentials are to be refused."""
    refused = bool(END.script) and END.script[0] == "refuse"
    if refused:
        END.script.pop(0)
    return AuthResult(success=not refused, handled=False)


def serve(context: ssl.SSLContext | None) -> ThreadingHTTPServer:
    """A running HTTP server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Http)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def to_here(port: int, context: ssl.SSLContext) -> outgoing.HttpClient:
    """The real client, with the provider's name leading to this machine, and a process that may die around it."""

    def call(made: outgoing.Call) -> outgoing.Answer:
        host = made.url.split("/")[2]
        assert made.address == "3.3.3.3"
        here = replace(made, url=made.url.replace(host, f"{host}:{port}", 1), address="127.0.0.1")
        return dying(lambda: http_client.by_urllib3(here, context))

    return call


def dying[T](send: Callable[[], T]) -> T:
    """Send, unless the process dies before or after it; and while it is being sent others may come."""
    crash = END.crash
    if crash == "crash before":
        raise Crash
    for other in END.during:
        END.during = []
        other()
    answer = send()
    if crash:
        raise Crash
    return answer


@dataclass
class World:
    """SNS, SQS and Lambda around one notify function."""

    name: str
    queue: str
    clock: datetime
    waiting: list[tuple[datetime, str, int]] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)

    def invoke(self, event: dict[str, Any]) -> Any:
        """One invocation; what it queued waits from now on. Raises what it raises."""
        try:
            return function(f"notify_{self.name}").handler(event, LambdaContext())
        finally:
            for body, delay in stack_messages(self.queue):
                self.waiting.append((self.clock + timedelta(seconds=delay), body, 0))

    def publish(self, message: str) -> None:
        """SNS invokes the function; Lambda tries twice more before it is a dead letter."""
        event = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": message}}]}
        for pause in (60, 120, 0):
            try:
                self.invoke(event)
            except (Crash, Exception):  # noqa: BLE001  however it ends
                self.clock += timedelta(seconds=pause)
            else:
                return
        self.dead.append(json.dumps({"requestPayload": event}))

    def settle(self) -> None:
        """SQS invokes the function until nothing waits; what fails four times is a dead letter."""
        while self.waiting:
            self.waiting.sort(key=lambda entry: entry[0])
            due, body, received = self.waiting.pop(0)
            self.clock = max(self.clock, due)
            record = {"messageId": "q", "eventSource": "aws:sqs", "body": body}
            try:
                failed = bool(self.invoke({"Records": [record]})["batchItemFailures"])
            except Crash:
                failed = True
            if failed and received == 3:
                self.dead.append(body)
            elif failed:
                self.waiting.append((self.clock + timedelta(seconds=360), body, received + 1))

    def redrive(self) -> list[str]:
        """Put the dead letters into the retry queue, as docs/delivery.md says; returns them."""
        letters, self.dead = self.dead, []
        self.clock += timedelta(hours=1)
        self.waiting += [(self.clock, letter, 0) for letter in letters]
        self.settle()
        return letters


def stack_messages(queue: str) -> list[tuple[str, int]]:
    """Take every message with its delay out of a queue, the ones that are not due yet too."""
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.sqs.models import sqs_backends

    messages: list[Any] = sqs_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].get_queue(queue)._messages
    found = [
        (message.body, round(max(0, message.delayed_until - message.sent_timestamp) / 1000)) for message in messages
    ]
    messages.clear()
    return found


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """For the names of all providers."""
    return certificate_in(tmp_path_factory.mktemp("tls"), "hooks.example", "events.pagerduty.com")


@pytest.fixture(scope="module")
def queues(certificate: Certificate) -> Iterator[dict[str, str]]:
    """The stack, the providers, and the functions pointed at them; the queues' names."""
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        dynamodb.disconnect()
        aws.client.cache_clear()
        transports.ses_client.cache_clear()
        variables = {**stack.deploy_tables(), **stack.deploy_messaging()}
        secret = boto3.client("secretsmanager").create_secret(
            Name="smtp", SecretString=json.dumps({"username": "user", "password": "right"})
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            smtp_port = free.getsockname()[1]
        https, ses = serve(certificate.server()), serve(None)
        mail = Controller(
            Smtp(), hostname="127.0.0.1", port=smtp_port, tls_context=certificate.server(), require_starttls=True,
            auth_required=True, authenticator=authenticate,
        )  # fmt: skip
        mail.start()
        own = {
            "EMAIL_FROM": "drift@example.com", "PUBLIC_URL": "https://drift.example.com", "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(smtp_port), "SMTP_SECRET_ARN": secret["ARN"],
        }  # fmt: skip
        for name, value in {**variables, **own}.items():
            patch.setenv(name, value)
        dynamodb.connect(Environment())
        patch.setattr(http_client, "TIMEOUT", urllib3.Timeout(connect=1, read=PATIENCE))
        patch.setattr(transports, "TIMEOUT_SECONDS", PATIENCE)
        client = boto3.client(
            "sesv2",
            endpoint_url=f"http://127.0.0.1:{ses.server_address[1]}",
            config=transports.ses_client().meta.config.merge(Config(read_timeout=PATIENCE)),
        )
        mailer = function("notify_email")
        for way, real in {
            "by_ses": lambda _client: transports.by_ses(client),
            "by_smtp": partial(transports.by_smtp, context=certificate.client()),
        }.items():
            patch.setattr(
                mailer,
                way,
                lambda *arguments, real=real: lambda message, to: dying(lambda: real(*arguments)(message, to)),
            )
        for name in ("slack", "webhook"):
            app = function(f"notify_{name}")
            patch.setattr(app, "system_resolver", lambda host, port: ["3.3.3.3"])
            patch.setattr(app, "by_urllib3", to_here(https.server_address[1], certificate.client()))
        yield variables
        RELEASE.set()
        mail.stop()
        for server in (https, ses):
            server.shutdown()
            server.server_close()
        dynamodb.disconnect()
        aws.client.cache_clear()
        transports.ses_client.cache_clear()


def check(organization: str, alerts: int) -> list[AlertEvent]:
    """What one check found: alerts that open at the same time."""
    now = datetime.now(UTC)
    events = []
    for _ in range(alerts):
        event = example(organization, now)
        alert = event.alert.model_copy(update={"id": new_id(now)})
        events.append(event.model_copy(update={"kind": "opened", "event_id": f"{alert.id}-0001", "alert": alert}))
    return events


def outcome(
    queues: dict[str, str], channel: str, fault: str, alerts: int, patch: pytest.MonkeyPatch
) -> tuple[World, list[AlertEvent]]:
    """The message of one check through one channel, with this fault on its way, until nothing moves any more."""
    name, which, settings = CHANNELS[channel]
    url = queues[f"{which}_RETRY_QUEUE_URL"]
    world = World(name, url.rsplit("/", 1)[-1], datetime.now(UTC))
    patch.setenv("EMAIL_TRANSPORT", "smtp" if channel == "e-mail, SMTP" else "ses")
    patch.setenv("RETRY_QUEUE_URL", url)
    patch.setenv("EMAIL_QUEUE_URL", queues["EMAIL_RETRY_QUEUE_URL"])
    patch.setattr(function(f"notify_{name}"), "datetime", SimpleNamespace(now=lambda zone: world.clock))
    organization = re.sub(r"\W+", "-", f"{channel} {fault} {alerts}")
    now = datetime.now(UTC)
    Channels.add(StoredChannel("C1", organization, NEW_CHANNEL.validate_python(settings), now, now))
    events = check(organization, alerts)
    news = news_of(events).model_dump_json()
    END.script, END.taken, END.during = list(FAULTS[fault]), [], []
    if fault == "redelivery":
        END.during = [lambda: world.publish(news)]
        world.publish(news)
    if fault == "poison message":
        world.publish("poison")
        world.waiting.append((world.clock, "poison", 0))
    world.publish(news)
    world.settle()
    return world, events


def documented(fault: str, channel: str) -> str:
    """A cell of the table in the docs."""
    rows = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in TABLE.read_text().splitlines()
        if line.startswith("|")
    ]
    start = next(place for place, row in enumerate(rows) if row[0] == "fault")
    found = next(row for row in rows[start + 2 :] if row[0] == fault)
    return dict(zip(rows[start], found, strict=True))[channel]


def test_the_table_has_these_rows_and_columns_and_no_others() -> None:
    """Nothing stands in the docs that is not tested."""
    lines = [line.strip("|").split("|") for line in TABLE.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line] for line in lines]
    start = next(place for place, row in enumerate(cells) if row[0] == "fault")
    table = cells[start : start + 2 + len(FAULTS)]
    assert table[0] == ["fault", *CHANNELS]
    assert [row[0] for row in table[2:]] == list(FAULTS)
    assert not any("lost" in "".join(row) for row in cells[:start] + cells[start + len(table) :])


@pytest.mark.parametrize(
    ("channel", "alerts"),
    [(channel, alerts) for alerts in (1, 3) for channel in CHANNELS if alerts == 1 or channel != "PagerDuty"],
)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_event_arrives_as_often_as_the_table_says(
    queues: dict[str, str], monkeypatch: pytest.MonkeyPatch, channel: str, alerts: int, fault: str
) -> None:
    """None is lost; none comes twice to people unless the provider took it and nobody could know.

    A message of several alerts behaves as a message of one. PagerDuty gets a message for each alert.
    """
    world, events = outcome(queues, channel, fault, alerts, monkeypatch)
    if fault == "bad credentials":
        assert END.taken == []
        assert {Deliveries.of(event.alert.id)[0].outcome for event in events} == {"failed"}
        found = Channels.one(events[0].organization_id, "C1")
        assert found is not None
        assert found.health.status == "unhealthy"
        END.script = []  # somebody sets them right
        assert len(world.redrive()) == 1
    if fault == "poison message":
        assert len(world.dead) == 2
        assert all("poison" in letter for letter in world.dead)
    else:
        assert world.dead == []
    assert END.script == []
    repeats = len(END.taken) - 1
    seen = 0 if channel in DROPS_REPEATS and len(set(END.taken)) == 1 else repeats
    assert repeats == (1 if fault in UNKNOWABLE else 0)
    if channel != "e-mail, SES":
        assert len(set(END.taken)) == 1
    assert {Deliveries.of(event.alert.id)[0].outcome for event in events} == {"delivered"}
    said = f"0 lost, {seen} repeated" + ("¹" if seen < repeats else "²" if seen else "")
    assert documented(fault, channel) == said
