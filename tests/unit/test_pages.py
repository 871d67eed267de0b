"""The pages agree with each other and with the code: links, pictures, commands, routes, numbers, short sentences."""

import ast
import json
import re
import shlex
from pathlib import Path
from string import Formatter

import numpy as np
import pytest

from driftguard.statistics import budget
from driftguard_client.cli.main import _parser
from sandbox import stack
from scripts.generate.messages import emails

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
DATED = {"decisions.md", "CHANGELOG.md"}
"""Pages whose numbers are those of their day."""
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "clients/python/README.md"]
PAGES += sorted(DOCS.glob("*.md"))
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))

UNDOCUMENTED = {"/", "/docs", "/openapi.json", "/dashboard"}
"""Routes that the OpenAPI document leaves out, because they serve it and the dashboard."""

MOST_WORDS = 30
"""Of a sentence. We aim for 20."""


def without_code(text: str) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def code(text: str) -> str:
    """Return the blocks of code and the code within lines."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", without_code(text))])


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", without_code(text), re.MULTILINE):
        words = re.sub(r"\]\([^)]*\)", "", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")
        number = 0
        while (name := f"{anchor}-{number}" if number else anchor) in found:
            number += 1
        found.add(name)
    return found


@each_page
def test_every_link_leads_to_a_file_and_its_heading(page: Path) -> None:
    """Each relative link names a file that exists, and each anchor a heading of that file."""
    text = without_code(page.read_text())
    links = re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", text)
    for link in {one or other for one, other in links}:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target.read_text()), link


def test_every_picture_is_shown() -> None:
    """The pictures in docs/img are those that the README or a page of docs/ shows."""
    texts = [page.read_text() for page in PAGES]
    shown = {name for text in texts for name in re.findall(r"\bimg/([\w-]+\.\w+)", text)}
    assert shown == {picture.name for picture in (DOCS / "img").iterdir()}


def test_every_picture_of_an_email_can_be_drawn_again() -> None:
    """Each picture of an e-mail in docs/img is named after an e-mail that `make pictures` draws."""
    drawn = {picture.name.rsplit("-", 2)[0] for picture in (DOCS / "img").glob("email-*.png")}
    assert drawn == set(emails())


@each_page
def test_every_make_target_exists(page: Path) -> None:
    """Each `make …` of a page is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)", code(page.read_text()))) <= targets


@each_page
def test_every_parameter_that_is_set_exists(page: Path) -> None:
    """Each `PARAMETERS=` of a page sets parameters of the template, with values that it allows."""
    parameters = stack.source()["Parameters"]
    for given in re.findall(r"PARAMETERS=(?:\"([^\"]*)\"|([A-Z]\w+=\w+))", page.read_text()):
        for name, value in re.findall(r"\b([A-Z]\w+)=([^\s\"]+)", "".join(given)):
            if (name, value) == ("Name", "value") or (name, value) == ("Other", "value"):
                continue
            assert name in parameters, name
            allowed = parameters[name].get("AllowedValues")
            assert allowed is None or value in map(str, allowed), f"{name}={value}"


@each_page
def test_every_command_of_the_client_is_valid(page: Path) -> None:
    """Each line of code that begins with `driftguard` is accepted by the command line's own parser."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for line in "\n".join(blocks).splitlines():
        if line.startswith("driftguard "):
            given = shlex.split(line, comments=True)[1:]
            _parser(given).parse_args(given)


@each_page
def test_every_route_exists(page: Path) -> None:
    """Each route with its method is a route of the OpenAPI document, whatever its ids are called."""
    document = json.loads((ROOT / "layers/driftguard/driftguard/openapi.json").read_text())
    routes = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path)) for path, item in document["paths"].items() for method in item
    }
    for method, path in re.findall(r"\b(GET|POST|PUT|PATCH|DELETE|OPTIONS) (/[^\s`?\",]*)", code(page.read_text())):
        if path.startswith("/_local/") or path in UNDOCUMENTED or method == "OPTIONS":
            continue
        assert (method, re.sub(r"\{\w+\}", "{}", path)) in routes, f"{method} {path}"


def measured(pattern: str, page: str = "cost.md") -> str:
    """Return what a page that a benchmark wrote says, as text."""
    found = re.search(pattern, (DOCS / page).read_text(), re.DOTALL)
    assert found, pattern
    return found[1]


def spoken(pattern: str) -> set[str]:
    """Return what all pages say about the same thing, but for those whose numbers are those of their day."""
    pages = [page for page in PAGES if page.name not in DATED and page.name != "cost.md"]
    texts = [" ".join(page.read_text().split()) for page in pages]
    return {number for text in texts for number in re.findall(pattern, text)}


SAME = {
    "read units of a check": (r"A check uses [\d.]+ write units, ([\d.]+) read units", r"\b(\d+\.\d) read units"),
    "write units of a check": (r"A check uses ([\d.]+) write units", r"(\d+\.\d) write units and \d+\.\d read"),
    "calls of a check": (
        r"read units, (\d+) calls to AWS and \d+ ms\s+of CPU time[^\n]*Its write",
        r"(\d+) calls of 6 ms, \d+\.\d w",
    ),
    "a million predictions": (r"six-digit numbers: \*\*\$([\d.]+)\*\*", r"\$(0\.\d{3}) per million[:.]"),
    "a model-month": (r"for 30 days: \*\*\$([\d.]+)\*\*", r"\$(\d\.\d+) per model-month"),
}
"""What is measured once and said on several pages: how docs/cost.md says it, and how the others do."""


@pytest.mark.parametrize("what", SAME)
def test_a_measured_number_is_the_same_on_every_page(what: str) -> None:
    """What docs/cost.md measured is what the other pages say, to the digit."""
    source, others = SAME[what]
    assert spoken(others) == {measured(source)}


def test_the_processor_time_of_a_check_is_about_the_same_on_every_page() -> None:
    """The pages name a time within a quarter of the measured one, which differs from run to run."""
    milliseconds = float(measured(r"calls to AWS and (\d+) ms\s+of CPU time[^\n]*Its write"))
    named = spoken(r"(\d+) ms of (?:a processor, \d+ calls of 6 ms, \d+\.\d w|CPU time at 50)")
    assert named
    assert all(abs(float(one) / milliseconds - 1) < 0.25 for one in named)


def test_the_fixed_cost_is_the_same_on_every_page() -> None:
    """Each fixed cost is that of docs/cost.md in cents."""
    fixed = measured(r"default parameters: \*\*\$([\d.]+)\*\*")
    assert spoken(r"[Ff]ixed cost(?:[^.|$]|\.\d)*?\$(\d+\.\d\d)\b") == {f"{float(fixed):.2f}"}


def test_the_false_alarms_are_those_of_the_simulation() -> None:
    """docs/statistics.md names the rates of all models in docs/alarms.md: the classic rule, and both variants."""
    cells = [cell.strip().split(" ")[0] for cell in measured(r"\n\| all \|([^\n]+)\|\n", "alarms.md").split("|")]
    without, timestamps, classic = cells[4], cells[5], cells[6]
    said = re.search(
        r"raised ([\d.]+) false alarms per model and month\. The default rule raised ([\d.]+), and ([\d.]+) with",
        (DOCS / "statistics.md").read_text(),
    )
    assert said
    assert said.groups() == (classic, without, timestamps)
    assert spoken(r"seven kinds of quiet traffic it raised ([\d.]+) \(") == {without}


def test_the_hours_until_a_shift_is_found_are_those_of_the_simulation() -> None:
    """The README names the medians of docs/alarms.md for half a standard deviation, and statistics.md those of days
    that differ."""
    cells = [
        cell.split("(")[0].strip() for cell in measured(r"\n\| mean 0\.5 σ \|([^\n]+)\|\n", "alarms.md").split("|")
    ]
    assert spoken(r"in one of ten features was found after ([\d.]+) hours") == {cells[2]}
    assert spoken(r"With times in the baseline it took ([\d.]+) hours") == {cells[5]}
    row = measured(r"\n\| mean 0\.5 σ, day effects 0\.1 σ \|([^\n]+)\|\n", "alarms.md").split("|")
    days = [round(float(row[place].split("(")[0]) / 24) for place in (2, 5)]
    words = {2: "two", 3: "three", 4: "four", 5: "five"}
    said = spoken(r"It takes about (\w+ days, and about \w+) days if the baseline has")
    assert said == {f"{words[days[0]]} days, and about {words[days[1]]}"}


def test_the_table_of_limits_is_computed() -> None:
    """Each limit in docs/statistics.md is that of 20 features and 10,000 independent rows of the baseline."""
    rows = re.findall(r"^\| ([\d,]+) \| (0\.\d+) \|$", (DOCS / "statistics.md").read_text(), re.MULTILINE)
    n = np.array([int(number.replace(",", "")) for number, _limit in rows])
    limits = budget.threshold(
        budget.critical(20, np.array([0.05])),
        n,
        np.array([10_000]),
        phi=np.ones(len(n)),
        rho=np.zeros(len(n)),
        window_days=np.array([7.0]),
        baseline_days=7,
        minimum=np.array([0.05]),
    )
    assert len(rows) > 3
    assert [limit for _number, limit in rows] == [f"{limit:.3f}" for limit in limits]


def sentences(text: str) -> list[str]:
    """Return the sentences of a page outside of tables, headings and code. A link counts as its words."""
    paragraphs: list[list[str]] = [[]]
    for line in without_code(text).splitlines():
        if not line.strip() or re.match(r"[|#<!]|\s*([-*]|\d+\.) ", line):
            paragraphs.append([])
        if line.strip() and not re.match(r"[|#<!]", line):
            paragraphs[-1].append(re.sub(r"^\s*([-*]|\d+\.) ", "", line).strip())
    joined = [re.sub(r"`[^`]*`", "code", " ".join(lines)) for lines in paragraphs]
    plain = [re.sub(r"\]\([^)]*\)", "]", paragraph) for paragraph in joined]
    return [sentence for paragraph in plain for sentence in re.split(r"(?<=[.!?:])\)?\*{0,2}\s+", paragraph)]


@each_page
def test_sentences_are_short(page: Path) -> None:
    """No sentence outside of tables and code is longer than 30 words."""
    long = [one for one in sentences(page.read_text()) if len(one.split()) > MOST_WORDS]
    assert long == []


def pieces(source: str) -> list[str]:
    """Return the constant parts of the text that a benchmark writes: of a template, or of the function's f-string."""
    path, _, name = source.partition("::")
    text = (ROOT / path).read_text()
    if not name:
        return [part for part, *_ in Formatter().parse(text)]
    function = next(
        node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef) and node.name == name
    )
    returned = next(node.value for node in ast.walk(function) if isinstance(node, ast.Return))
    assert isinstance(returned, ast.JoinedStr)
    return [part.value for part in returned.values if isinstance(part, ast.Constant) and isinstance(part.value, str)]


@pytest.mark.parametrize(
    ("source", "page"),
    [
        ("bench/cost/page.md", "cost.md"),
        ("bench/alarms/report.py::document", "alarms.md"),
        ("bench/alarms/report.py::_method", "alarms.md"),
        ("bench/load/report.py::document", "load.md"),
        ("bench/speed/report.py::document", "benchmarks.md"),
    ],
)
def test_a_written_page_has_the_words_of_its_source(source: str, page: str) -> None:
    """The words that a benchmark would write are on its page, so that both are changed together."""
    text = " ".join((DOCS / page).read_text().split())
    parts = [" ".join(part.split()) for part in pieces(source)]
    assert [part for part in parts if part not in text] == []


def test_every_parameter_names_its_values() -> None:
    """docs/configure.md names each allowed value of a parameter that has at most five."""
    page = (DOCS / "configure.md").read_text()
    for name, parameter in stack.source()["Parameters"].items():
        allowed = [str(value) for value in parameter.get("AllowedValues", [])]
        if 0 < len(allowed) <= 5:
            row = re.search(rf"^\| `{name}` \|.+$", page, re.MULTILINE)
            assert row, name
            assert all(f"`{value}`" in row[0] for value in allowed), name
