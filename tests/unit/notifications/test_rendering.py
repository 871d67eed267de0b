"""The content of messages, and names that must not break them."""

import html
import json
import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import SMTP, default
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftguard.alerts import lifecycle, words
from driftguard.alerts.events import MESSAGE_BYTES, AlertEvent, AlertNews, changes_in, news_of
from driftguard.alerts.findings import Finding, Memory, Occasion
from driftguard.alerts.schemas import Alert, AlertFeature, Limit, Window
from driftguard.models.settings import ModelSettings
from driftguard.notifications import example, pictures
from driftguard.notifications.content import describe
from driftguard.notifications.providers import email, slack
from driftguard.notifications.providers.base import StoredChannel
from driftguard.notifications.schemas import NEW_CHANNEL
from tests.unit.features import feature_of

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
PUBLIC = "https://drift.example.com/v1"
CHANNEL = StoredChannel(
    "C1", "org", NEW_CHANNEL.validate_python({"type": "email", "to": ["ops@example.com"], "name": "Ops"}), NOW, NOW
)

DELAY = {
    "name": "dep_delay",
    "type": "numeric",
    "test": "ks",
    "drift_score": 0.2417,
    "p_value": 1.3e-112,
    "drifted": True,
    "histogram": {
        "edges": [float(edge) for edge in range(33)],
        "baseline": [32.0 - place for place in range(32)],
        "window": [1.0 + place for place in range(32)],
    },
}
CARRIER = {
    "name": "carrier",
    "type": "categorical",
    "test": "chi2",
    "drift_score": 0.11,
    "p_value": 0.0,
    "drifted": True,
    "histogram": {"categories": ["UA", "AA", "__new__"], "baseline": [0.5, 0.5, 0], "window": [0.3, 0.5, 0.2]},
}
MISSING = {
    "name": "dep_delay",
    "test": "fisher",
    "kind": "missing",
    "drift_score": 0.044,
    "p_value": 1e-12,
    "drifted": True,
    "shares": {"baseline": 0.034, "window": 0.078},
}


def life(
    *features: dict[str, Any],
    alert_type: str = "data_drift",
    name: str = "flight delays",
    preliminary: bool = False,
) -> dict[str, AlertEvent]:
    """The events of one alert: opened, escalated, repeated, resolved."""
    memory = Memory()
    alert: Alert | None = None
    found: dict[str, AlertEvent] = {}
    shown = [feature_of(feature) for feature in features]
    score = None if alert_type == "no_data" else 0.15
    for hours, severity, on in [
        (0, "MEDIUM", True),
        (1, "HIGH", True),
        (26, "HIGH", True),
        (27, "HIGH", False),
        (51, "HIGH", False),
    ]:
        now = NOW + timedelta(hours=hours)
        occasion = Occasion(
            now, "org", "M1", name, ModelSettings(), 3, 51_955, 6_412, Window(start=now - timedelta(days=7), end=now),
            preliminary, False, False, lambda _now: "A1",
        )  # fmt: skip
        p_value = None if score is None else 1.3e-112
        finding = Finding(alert_type, True, on, on, score, p_value, severity, shown)  # type: ignore[arg-type]
        outcome = lifecycle.apply(finding, alert, memory, occasion)
        memory = outcome.memory
        if outcome.alerts:
            alert = outcome.alerts[-1]
        found |= {event.kind: event for event in outcome.events}
        if "resolved" in found:
            break
    return found


def mail(event: AlertNews) -> Any:
    """The e-mail, parsed from the bytes that are sent."""
    made = email.render(event, CHANNEL, "ops@example.com", sender="drift@example.com", public_url=PUBLIC)
    return message_from_bytes(made.as_bytes(policy=SMTP), policy=default)


def html_of(event: AlertNews) -> str:
    """The HTML part."""
    return str(mail(event).get_body(("html",)).get_content())


def text_of(event: AlertNews) -> str:
    """The plain part."""
    return str(mail(event).get_body(("plain",)).get_content())


def slack_of(event: AlertNews) -> str:
    """All texts of the Slack message, in order."""
    found: list[str] = []

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("text"), str):
                found.append(part["text"])
            for value in part.values():
                walk(value)
        elif isinstance(part, list):
            for value in part:
                walk(value)

    walk(slack.render(event, public_url=PUBLIC)["blocks"])
    return "\n".join(found)


@pytest.mark.parametrize("shown", [html_of, text_of, slack_of])
def test_a_message_says_all_that_a_team_needs(shown: Any) -> None:
    """Each message has model, id, score, p-value, severity, features, actions, baseline and window."""
    text = shown(life(DELAY, CARRIER)["opened"])
    for said in [
        "flight delays", "M1", "0.15", "1.3e-112", "MEDIUM", "dep_delay", "0.242", "carrier", "towards higher values",
        "Version 3, 51,955 rows", "2026-11-16 10:15 UTC", "2026-11-23 10:15 UTC", "6,412", "New alert",
        "Retrain the model", "Kolmogorov–Smirnov", "chi-square", "A1",
    ]:  # fmt: skip
        assert said.casefold() in text.casefold(), said


def test_each_message_links_to_the_alert_in_the_dashboard() -> None:
    """The HTML part, the text part and Slack's button link to the alert in the dashboard."""
    event = life(DELAY)["opened"]
    url = f"{PUBLIC}/dashboard#/alerts/A1"
    assert f'href="{url}"' in html_of(event)
    assert url in text_of(event)
    (actions,) = [block for block in slack.render(event, public_url=PUBLIC)["blocks"] if block["type"] == "actions"]
    assert actions["elements"][0]["url"] == url


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("opened", "“dep_delay” of “flight delays” has drifted"),
        ("escalated", "rose from MEDIUM to HIGH"),
        ("repeated", "firing for 26 hours and nobody has acknowledged it"),
        ("resolved", "is resolved after 2 days. The score stayed below the limit"),
    ],
)
def test_each_kind_of_event_has_its_own_words(kind: str, said: str) -> None:
    """Each kind of event has its own lead."""
    event = life(DELAY)[kind]
    for shown in (html_of, text_of, slack_of):
        assert said in re.sub(r"\s+", " ", shown(event))


@pytest.mark.parametrize(
    ("alert_type", "features", "subject", "said"),
    [
        (
            "prediction_drift",
            [{**DELAY, "name": "prediction"}],
            "Prediction drift in flight delays",
            "The predictions of “flight delays” have drifted",
        ),
        ("data_quality", [MISSING], "Data quality of flight delays", "missing values, 3.4% → 7.8%"),
        ("no_data", [], "No data from flight delays", "Predictions of “flight delays” have stopped arriving"),
    ],
)
def test_each_type_of_alert_has_its_own_words(alert_type: str, features: Any, subject: str, said: str) -> None:
    """Each alert type has its own subject and lead, and a missing score never shows as `None` or `nan`."""
    event = life(*features, alert_type=alert_type)["opened"]
    assert mail(event)["Subject"] == subject
    for shown in (html_of, text_of, slack_of):
        assert said in shown(event)
        assert not re.search(r"\b(None|nan)\b", shown(event))


@pytest.mark.parametrize("shown", [html_of, text_of, slack_of])
@pytest.mark.parametrize(
    ("feature", "said"),
    [
        (
            {**DELAY, "at": {"value": 4, "baseline": 0.704, "window": 0.46, "words": "4 or less"}},
            "towards higher values, 4 or less: 70.4% → 46.0%",
        ),
        (
            {
                **MISSING,
                "kind": "wrong_type",
                "type_change": {"type": "categorical", "share": 0.078, "expected": "numeric", "example": "41"},
            },
            "of the wrong type, 3.4% → 7.8%, numbers in the baseline, texts such as “41” now",
        ),
        (
            {**MISSING, "kind": "wrong_type", "type_change": {"type": "boolean", "share": 0.078}},
            "of the wrong type, 3.4% → 7.8%, booleans now",
        ),
        (
            {
                "name": "Age",
                "kind": "unexpected_feature",
                "renamed_from": "age",
                "shares": {"baseline": 0, "window": 1},
            },
            "not in the baseline, 0% → 100.0%, perhaps renamed from “age”",
        ),
    ],
)
def test_a_feature_says_what_changed(shown: Any, feature: dict[str, Any], said: str) -> None:
    """A message names the place of D with both shares, the types that came, and a probable former name."""
    alert_type = "data_quality" if "kind" in feature else "data_drift"
    assert said in re.sub(r"\s+", " ", shown(life(feature, alert_type=alert_type)["opened"]))


@pytest.mark.parametrize(
    ("alert_type", "limit", "said"),
    [
        ("data_drift", {"score": 0.0512}, "score over 0.0512"),
        ("data_drift", {"score": 0.05, "p_value": 3.5e-7}, "score from 0.05 and p below 3.5e-07"),
        ("prediction_drift", {"p_value": 0.05}, "p below 0.05"),
        ("data_quality", {"score": 0.02, "p_value": 3.5e-7}, "rise from 0.02 and p below 3.5e-07"),
    ],
)
def test_a_message_shows_the_limit_that_decided(alert_type: Any, limit: dict[str, float], said: str) -> None:
    """The limit is that of the test that fired: of a share its smallest rise and the limit of p, of D its score."""
    event = life(MISSING if alert_type == "data_quality" else DELAY, alert_type=alert_type)["opened"]
    event = event.model_copy(update={"alert": event.alert.model_copy(update={"limit": Limit.model_validate(limit)})})
    for shown in (html_of, text_of, slack_of):
        assert said in shown(event)


def test_pictures_of_odd_ranges_have_sensible_ends() -> None:
    """A range that starts right below 0 starts at 0, and both ends of a range of Unix times can be told apart."""
    for edges, ends in (
        ([-5e-324, 43.0, 86.26], ("0", "86.3")),
        ([1_793_000_000.0, 1_794_000_000.0, 1_796_600_000.0], ("1,793,000,000", "1,796,600,000")),
    ):
        histogram = {"edges": edges, "categories": None, "baseline": [0.5, 0.5], "window": [0.1, 0.9]}
        picture = pictures.picture_of(AlertFeature.model_validate({**DELAY, "histogram": histogram}))
        assert picture is not None
        assert (picture.low, picture.high) == ends


@pytest.mark.parametrize("shown", [html_of, text_of, slack_of])
def test_an_alert_of_the_first_week_is_told_like_any_other(shown: Any) -> None:
    """No message says that a window is not full yet: what opens an alert is beyond what cycles explain."""
    early, late = life(DELAY, preliminary=True), life(DELAY)
    assert early.keys() == {"opened", "escalated", "repeated", "resolved"}
    for kind in early:
        assert shown(early[kind]).split() == shown(late[kind]).split()
        assert "preliminary" not in shown(early[kind]).casefold()


SUDDEN = {
    **DELAY,
    "test": None,
    "p_value": None,
    "drift_score": 0.19,
    "type": "numeric",
    "change": {
        "part": "sudden",
        "window_hours": 6,
        "onset": "2026-11-03T14:00:00Z",
        "reference": "working days",
        "reference_days": 10,
        "surprise": 0.0004,
    },
}


@pytest.mark.parametrize("shown", [html_of, text_of, slack_of])
def test_a_sudden_change_is_told_with_its_onset_and_its_reference(shown: Any) -> None:
    """Each message says since when, for how long and compared with what, and how rarely chance does this."""
    text = html.unescape(shown(life(SUDDEN)["opened"]))
    assert "“dep_delay” changed suddenly around Tue 14:00 UTC." in text
    assert (
        "In the last 6 hours, its values differ by 0.19 (KS) from the last 10 working days at the same hours. "
        "Chance alone does this less than once in 1,000 months."
    ) in text
    assert "in the last 6 hours" in text
    assert "what happened around 2026-11-03 14:00 UTC" in text


def test_an_alert_says_since_when_values_have_changed() -> None:
    """The onset is a fact of the message if it is known. Only the last hours tell when values changed."""
    opening = life(DELAY)["opened"]
    known = opening.model_copy(update={"alert": opening.alert.model_copy(update={"onset": NOW - timedelta(hours=3)})})
    since = f"{NOW - timedelta(hours=3):%Y-%m-%d %H:%M} UTC"
    assert ("Above the limit since", since) in describe(known, PUBLIC).facts
    assert not [name for name, _value in describe(opening, PUBLIC).facts if name.endswith("since")]
    sudden = life(SUDDEN)["opened"]
    found = sudden.alert.features[0].change
    assert found is not None
    sudden = sudden.model_copy(update={"alert": sudden.alert.model_copy(update={"onset": found.onset})})
    assert ("Changed since", "2026-11-03 14:00 UTC") in describe(sudden, PUBLIC).facts
    assert since in slack_of(known)


def test_an_alerts_messages_stay_one_conversation() -> None:
    """Messages of one alert share subject and reference, and each message and recipient has a stable id."""
    events = life(DELAY)
    messages = [mail(events[kind]) for kind in ("opened", "escalated", "repeated", "resolved")]
    assert [message["Subject"] for message in messages] == ["Data drift in flight delays"] + [
        "Re: Data drift in flight delays"
    ] * 3
    assert {message["References"] for message in messages} == {"<alert.A1.C1@example.com>"}
    assert len({message["Message-ID"] for message in messages}) == 4
    again = email.render(events["opened"], CHANNEL, "ops@example.com", sender="drift@example.com", public_url=PUBLIC)
    assert (
        again.as_bytes()
        == email.render(
            events["opened"], CHANNEL, "ops@example.com", sender="drift@example.com", public_url=PUBLIC
        ).as_bytes()
    )
    other = email.render(events["opened"], CHANNEL, "b@example.com", sender="drift@example.com", public_url=PUBLIC)
    assert other["Message-ID"] != again["Message-ID"]


def test_headers_say_who_sends_and_how_it_is_left() -> None:
    """From, To, List-Unsubscribe and Auto-Submitted are set, and only a HIGH opening or escalation is important."""
    events = life(DELAY)
    message = mail(events["escalated"])
    assert message["From"] == "DriftGuard <drift@example.com>"
    assert message["To"] == "ops@example.com"
    assert message["List-Unsubscribe"] == f"<{PUBLIC}/dashboard#/channels>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Importance"] == "high"
    assert mail(events["resolved"])["Importance"] is None


@pytest.mark.parametrize(
    "name", ["=?utf-8?q?RESOLVED=0D=0ABcc:_a@b.de?=", "x =?utf-8?b?Ug==?= y", "=?utf-8?q?" + "x" * 150 + "?=", "=?"]
)
def test_a_name_that_looks_encoded_is_shown_as_it_is(name: str) -> None:
    """No part of a name is decoded as an encoded word in the subject."""
    event = life(DELAY, name=name[:128])["opened"]
    message = mail(event)
    assert message["Subject"] == f"Data drift in {name[:128]}".replace("=?", "= ?")
    assert message["Bcc"] is None


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("kind", ["opened", "resolved"])
def test_html_is_well_formed_and_loads_nothing(kind: str) -> None:
    """Every tag is closed, nothing remote loads, there is no script, and the size stays under Gmail's limit."""
    page = html_of(life(DELAY, CARRIER, MISSING, *[{**DELAY, "name": f"f{number}"} for number in range(20)])[kind])
    tags = Tags(page)
    assert tags.open == []
    assert not {tag for tag, _ in tags.seen} & {"script", "img", "link", "iframe", "object", "form"}
    assert "url(" not in page
    assert len(page.encode()) < 100_000


def test_pictures_show_baseline_against_window() -> None:
    """A numeric feature has 12 pairs of bars with its range, a category has both of its shares."""
    picture = pictures.picture_of(life(DELAY)["opened"].alert.features[0])
    assert picture is not None
    assert (len(picture.bars), picture.low, picture.high) == (12, "0", "32")
    assert sum(bar.baseline for bar in picture.bars) == pytest.approx(1)
    assert picture.bars[0].baseline > picture.bars[0].window
    drawn = "\n".join(pictures.text_picture(picture))
    assert "baseline  █" in drawn
    carrier = pictures.picture_of(life(CARRIER)["opened"].alert.features[0])
    assert carrier is not None
    assert [(bar.label, bar.baseline, bar.window) for bar in carrier.bars] == [
        ("UA", 0.5, 0.3),
        ("AA", 0.5, 0.5),
        ("new values", 0.0, 0.2),
    ]


@pytest.mark.parametrize(
    "histogram",
    [
        None,
        {"baseline": [], "window": []},
        {"baseline": [1.0], "window": [1.0, 2.0]},
        {"edges": [None, None], "baseline": [0.0], "window": [0.0]},
        {"categories": [], "baseline": [], "window": []},
        {"categories": ["a"], "baseline": [0.0], "window": [0.0]},
    ],
)
def test_odd_histograms_never_break_a_message(histogram: Any) -> None:
    """Empty, uneven and all-zero histograms do not break a message."""
    event = life({**DELAY, "histogram": histogram})["opened"]
    assert "dep_delay" in html_of(event)
    assert "dep_delay" in text_of(event)
    assert "dep_delay" in slack_of(event)


NASTY = (
    '<script>alert(1)</script> & "q" \' *b* _i_ ~s~ `c` ```x``` <!channel> <@U1> '
    "<https://evil.example|x> :tada: {{ 7*7 }}"
)


def test_no_name_becomes_markup_in_an_email() -> None:
    """Tags, quotes and template code in names appear as plain text."""
    feature = {**CARRIER, "name": NASTY}
    feature["histogram"] = {"categories": [NASTY, "b"], "baseline": [1, 1], "window": [1, 2]}
    event = life(feature, {**MISSING, "new_categories": [NASTY], "kind": "new_categories"}, name=NASTY[:128])["opened"]
    page = html_of(event)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7*7 }}" in page
    assert {tag for tag, _ in Tags(page).seen} == {
        tag for tag, _ in Tags(html_of(life(CARRIER, MISSING)["opened"])).seen
    }


def test_no_name_mentions_links_or_formats_in_slack() -> None:
    """Slack's special characters are escaped in markup, and names are inline code or plain text."""
    feature = {**CARRIER, "name": NASTY}
    feature["histogram"] = {"categories": [NASTY, "b"], "baseline": [1, 1], "window": [1, 2]}
    message = slack.render(life(feature, name=NASTY[:128])["opened"], public_url=PUBLIC)
    marked = re.findall(r'"type": "mrkdwn", "text": ("(?:[^"\\]|\\.)*")', json.dumps(message))
    assert marked
    for text in map(json.loads, marked):
        assert "<" not in text
        outside = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
        assert "`" not in outside
        assert not re.search(r"[*_~](b|i|s)[*_~]", outside)
    assert "<" not in message["text"]
    assert all(part["emoji"] is False for part in plain_parts(message))


def plain_parts(part: Any) -> list[dict[str, Any]]:
    """Every `plain_text` object of a Slack message."""
    if isinstance(part, list):
        return [found for value in part for found in plain_parts(value)]
    if not isinstance(part, dict):
        return []
    own = [part] if part.get("type") == "plain_text" else []
    return own + [found for value in part.values() for found in plain_parts(value)]


FORGED = "x\nRESOLVED\r\nSign in: https://evil.example\u2028now\u202e\x1b[0m"
FORGED_SHOWN = "x⏎RESOLVED⏎⏎Sign in: https://evil.example⏎now\\u202e␛[0m"


@pytest.mark.parametrize("shown", [html_of, text_of, slack_of])
def test_no_logged_value_forges_a_line_of_a_message(shown: Any) -> None:
    """A value, a category, a feature name and a model name with line breaks stay on the line they are shown in."""
    carrier = {**CARRIER, "name": f"{FORGED} name"}
    carrier["histogram"] = {"categories": [FORGED, "b"], "baseline": [1, 1], "window": [1, 2]}
    new = {**MISSING, "kind": "new_categories", "new_categories": [FORGED]}
    said = shown(life(carrier, new, name=f"{FORGED} model")["opened"])
    assert FORGED_SHOWN[:18] in said
    assert not re.search("^ *(RESOLVED|Sign in)", said, re.MULTILINE)
    assert not set("\u2028\u202e\x1b") & set(said)


def test_a_value_is_one_line_with_its_control_characters_shown() -> None:
    """Line breaks, escapes and marks of direction are shown. Letters of any script and emojis stay as they are."""
    assert words.one_line(FORGED) == FORGED_SHOWN
    plain = "Größe 北京 नमस्ते می\u200cخواهم 👩\u200d🔧 a\u00a0b"
    assert words.one_line(plain) == plain


@given(st.text())
def test_one_line_is_one_line_for_any_text(text: str) -> None:
    """No text is split into lines, whatever it contains."""
    assert len(words.one_line(text).splitlines()) <= 1


@given(name=st.text(min_size=1, max_size=128), feature=st.text(min_size=1, max_size=128))
def test_any_name_gives_one_message_with_its_own_headers(name: str, feature: str) -> None:
    """No name can add a header or break Slack's limits."""
    name, feature = (re.sub("[\ud800-\udfff]", "?", text) for text in (name, feature))
    event = life({**DELAY, "name": feature}, name=name)["opened"]
    message = mail(event)
    plain = mail(life(DELAY)["opened"])
    assert message.keys() == plain.keys()
    assert message["To"] == "ops@example.com"
    assert message["Subject"].startswith("Data drift in ")
    sent = slack.render(event, public_url=PUBLIC)
    assert len(sent["blocks"]) <= 50
    for block in sent["blocks"]:
        assert len(block.get("fields", [])) <= 10
        assert len(block.get("text", {}).get("text", "x")) <= (150 if block["type"] == "header" else 3000)


def test_slack_limits_hold_for_the_largest_alert() -> None:
    """The largest alert stays within 50 blocks and 3,000 characters per section."""
    wide = [{**CARRIER, "name": "&" * 125 + f"{number:03d}"} for number in range(100)]
    for feature in wide:
        feature["histogram"] = {
            "categories": ["<" * 60 + str(n) for n in range(20)],
            "baseline": [1] * 20,
            "window": [2] * 20,
        }
    message = slack.render(life(*wide, name="<" * 128)["opened"], public_url=PUBLIC)
    assert len(message["blocks"]) <= 50
    for block in message["blocks"]:
        assert len(block.get("text", {}).get("text", "x")) <= (150 if block["type"] == "header" else 3000)
        assert all(len(field["text"]) <= 2000 for field in block.get("fields", []))
    assert "94 more in the alert" in slack_of(life(*wide)["opened"])


def several(*types: str, name: str = "flight delays") -> list[AlertEvent]:
    """The openings of one check, one for each alert type."""
    features = {"data_drift": DELAY, "prediction_drift": {**DELAY, "name": "prediction"}, "data_quality": MISSING}
    opened = []
    for place, alert_type in enumerate(types):
        event = life(*[features[alert_type]] if alert_type in features else [], alert_type=alert_type, name=name)[
            "opened"
        ]
        alert = event.alert.model_copy(update={"id": f"A{place}"})
        opened.append(event.model_copy(update={"event_id": f"A{place}-0001", "alert": alert}))
    return opened


@pytest.mark.parametrize("shown", [html_of, text_of, slack_of])
def test_one_message_lists_every_alert_of_the_check(shown: Any) -> None:
    """Each alert has its title, lead, features and link, and the summary names all of them."""
    news = news_of(several("data_drift", "prediction_drift", "data_quality"))
    text = re.sub(r"\s+", " ", shown(news))
    for said in [
        "3 alerts in flight delays", "data drift (MEDIUM, new alert)", "prediction drift (MEDIUM, new alert)",
        "data quality (MEDIUM, new alert)", "Data drift in flight delays", "Prediction drift in flight delays",
        "Data quality of flight delays", "“dep_delay” of “flight delays” has drifted", "missing values, 3.4% → 7.8%",
        "A0", "A1", "A2",
    ]:  # fmt: skip
        assert said in text, said


def test_a_message_of_several_alerts_belongs_to_the_conversation_of_each() -> None:
    """The e-mail refers to each alert's thread and is important if any alert opened with HIGH."""
    events = several("data_drift", "data_quality")
    message = mail(news_of([events[0], events[1].model_copy(update={"severity": "HIGH"})]))
    assert message["Subject"] == "2 alerts in flight delays"
    assert message["References"] == "<alert.A1.C1@example.com> <alert.A0.C1@example.com>"
    assert message["Importance"] == "high"
    page = str(message.get_body(("html",)).get_content())
    assert Tags(page).open == []
    for place in (0, 1):
        assert f'href="{PUBLIC}/dashboard#/alerts/A{place}"' in page


def test_slack_and_gmail_take_the_largest_message() -> None:
    """Twelve alerts with many features stay within Slack's blocks and under the size at which Gmail clips."""
    wide = [{**CARRIER, "name": "&" * 125 + f"{number:03d}"} for number in range(30)]
    alert = life(*wide, name="<" * 128)["opened"]
    for count in (2, 3, 6, 12):
        events = [
            alert.model_copy(update={"alert": alert.alert.model_copy(update={"id": f"A{place}"})})
            for place in range(count)
        ]
        blocks = slack.render(news_of(events), public_url=PUBLIC)["blocks"]
        assert len(blocks) <= 50
        assert len([block for block in blocks if block["type"] == "actions"]) == count
        assert len(html_of(news_of(events)).encode()) < 102_000


def test_a_message_fits_into_sns_however_long_its_texts_are() -> None:
    """Features are left out until a message fits, and the number of all features stays."""
    histogram = {"categories": ["\x01" * 60] * 32, "baseline": [1 / 3] * 32, "window": [1 / 3] * 32}
    wide = [{**CARRIER, "name": "\x01" * 125 + f"{number:03d}", "histogram": histogram} for number in range(40)]
    alert = life(*wide, name="語" * 128)["opened"]
    news = news_of([alert] * 6)
    assert len(news.model_dump_json().encode()) <= MESSAGE_BYTES
    assert [event.alert.features_total for event in changes_in(news)] == [40] * 6
    assert len(news_of([alert]).model_dump_json().encode()) <= MESSAGE_BYTES


def test_a_test_message_says_that_it_is_one() -> None:
    """A test message says so in every form and refers to no conversation."""
    event = example.example("org", NOW)
    message = mail(event)
    assert message["Subject"] == "Test: Data drift in example model"
    assert message["References"] is None
    for shown in (html_of, text_of, slack_of):
        assert "Nothing has drifted" in re.sub(r"\s+", " ", shown(event))


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0, "0 minutes"),
        (1, "1 minute"),
        (59, "59 minutes"),
        (60, "1 hour"),
        (1500, "25 hours"),
        (4320, "3 days"),
        (-5, "0 minutes"),
    ],
)
def test_durations_are_said_in_the_unit_that_fits(minutes: int, said: str) -> None:
    """Durations are given in minutes, hours or days."""
    assert words.duration(timedelta(minutes=minutes)) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (0.0, "0"),
        (0.16833, "0.168"),
        (1.3e-112, "1.3e-112"),
        (51955.0, "51,955"),
        (1e300, "1e+300"),
        (-10.0, "-10"),
    ],
)
def test_numbers_are_said_in_three_digits(value: float | None, said: str) -> None:
    """Numbers have three significant digits and keep their magnitude."""
    assert words.number(value) == said


def test_every_test_message_is_an_event_of_its_own() -> None:
    """Each test message has its own event id, because receivers drop ids that they have seen."""
    now = datetime(2026, 11, 27, 6, 30, tzinfo=UTC)
    ids = {example.example("acme", now + timedelta(milliseconds=number)).event_id for number in range(3)}
    assert len(ids) == 3
