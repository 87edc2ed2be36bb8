"""What a scrape is given: formats, families, labels; parsed back with prometheus_client's own parsers."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from prometheus_client.openmetrics import parser as open_parser
from prometheus_client.parser import text_string_to_metric_families

from builders import NOON, process_sample, sample, thread_sample
from threadtop import __version__, rates
from threadtop.metrics import families
from threadtop.metrics.exposition import Exposition
from threadtop.metrics.families import FAMILIES, LABELS, Point, Published
from threadtop.metrics.groups import Grouping
from threadtop.metrics.totals import Totals

OPEN = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
HOSTILE = 'a"b\\c{d}\n# EOF\n\x1b[2J'
NAMES = ("server", HOSTILE, "caf\udce9", "漢字", "", "other")


def one_of_each() -> Published:
    """Every family with two points, their labels made up."""
    points = {}
    for at, family in enumerate(FAMILIES):
        if family in {families.BUILD, families.PASS_AGE}:
            continue  # the exposition's own
        count = 2 if family.labels else 1
        created = NOON if family.kind == "counter" else None
        points[family] = tuple(
            Point(tuple(f"{label}-{number}" for label in family.labels), at + number / 2, created)
            for number in range(count)
        )
    return Published(0, points)


def test_every_family_follows_the_conventions() -> None:
    """Names begin alike, have their base unit behind, and no suffix that another type has; labels are explained."""
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for family in FAMILIES:
        assert family.name.startswith("threadtop_")
        assert not family.unit or family.name.endswith(f"_{family.unit}")
        assert family.unit in {"", "seconds", "bytes"}
        assert not family.name.endswith(("_total", "_count", "_sum", "_info", "_created"))
        assert family.help.endswith(".")
        assert set(family.labels) <= LABELS.keys()
    assert set(LABELS) == {label for family in FAMILIES for label in family.labels}
    listed = "\n".join(families.lines())
    assert all(family.sample_name in listed and family.help in listed for family in FAMILIES)


def test_openmetrics_can_be_parsed_back() -> None:
    """Every family comes back with its type, unit, help, labels, values, and when its counters began."""
    published = one_of_each()
    answer = Exposition().answer(published, OPEN, 1.25)
    assert answer.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert answer.body.endswith(b"\n# EOF\n")
    assert answer.body.count(b"# EOF") == 1
    parsed = {metric.name: metric for metric in open_parser.text_string_to_metric_families(answer.body.decode())}
    assert parsed.keys() == {family.name for family in FAMILIES}
    for family in FAMILIES:
        metric = parsed[family.name]
        assert (metric.type, metric.unit, metric.documentation) == (family.kind, family.unit, family.help)
        values = [
            (tuple(found.labels[label] for label in family.labels), found.value)
            for found in metric.samples
            if found.name == family.sample_name
        ]
        created = [found.value for found in metric.samples if found.name.endswith("_created")]
        if family is families.PASS_AGE:
            assert values == [((), 1.25)]
        elif family is families.BUILD:
            assert values == [((__version__,), 1.0)]
        else:
            assert values == [(point.labels, point.value) for point in published.points[family]]
            assert created == ([NOON] * len(values) if family.kind == "counter" else [])


def test_the_plain_format_has_no_series_of_beginnings() -> None:
    """Who does not speak OpenMetrics is given counters alone."""
    answer = Exposition().answer(one_of_each(), "", 2.0)
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    assert b"_created" not in answer.body
    assert b"EOF" not in answer.body
    parsed = list(text_string_to_metric_families(answer.body.decode()))
    assert {found.name for metric in parsed for found in metric.samples} == {family.sample_name for family in FAMILIES}


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text; version=1.x", "text/plain;version=9..", "*/*", "\xff"]
)
def test_an_odd_accept_header_is_answered(accept: str) -> None:
    """What a client asks for cannot break the answer."""
    assert b"threadtop_build" in Exposition().answer(None, accept, None).body


def test_before_the_first_pass_there_is_the_version() -> None:
    """A scrape that comes too soon is no error, and knows no age."""
    body = Exposition().answer(None, OPEN, None).body
    names = [metric.name for metric in open_parser.text_string_to_metric_families(body.decode())]
    assert names == ["threadtop_build"]


@pytest.mark.parametrize("accept", ["", OPEN])
def test_hostile_names_are_values_of_labels(accept: str) -> None:
    """Names with quotes, line ends, escapes and odd bytes come back as one series each, and hide no other."""
    played = sample(
        0,
        *(
            process_sample(pid, thread_sample(pid), thread_sample(pid + 50, name=name), name=name)
            for pid, name in enumerate(NAMES, 100)
        ),
    )
    published = Totals(Grouping()).add(played, rates.snapshot(None, played))
    body = Exposition().answer(published, accept, 0.0).body.decode("utf-8")
    parse = open_parser.text_string_to_metric_families if accept else text_string_to_metric_families
    metrics = {metric.name: metric for metric in parse(body)}
    shown = {"server", 'a"b\\c{d}^J# EOF^J^[[2J', "caf\\xe9", "漢字", "-", "other"}
    assert {found.labels["group"] for found in metrics["threadtop_processes"].samples} == shown
    assert "\x1b" not in body
    assert [found.labels for found in metrics["threadtop_build" + ("" if accept else "_info")].samples] == [
        {"version": __version__}
    ]


def test_each_pass_is_put_into_words_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several scrapes of one pass do its work once; a new pass is said anew."""
    collected: list[object] = []
    from threadtop.metrics import exposition as module  # noqa: PLC0415 its class is replaced

    class Counting(module._Points):
        def __init__(self, points: object, *, has_created: bool) -> None:
            collected.append(points)
            super().__init__(points, has_created=has_created)

    monkeypatch.setattr(module, "_Points", Counting)
    exposition, first, second = Exposition(), one_of_each(), one_of_each()
    bodies = [exposition.answer(first, OPEN, age).body for age in (1.0, 2.0, 3.0)]
    assert sum(families.PASSES in points for points in collected) == 1
    assert [b"pass_age_seconds %d.0" % age in body for age, body in enumerate(bodies, 1)] == [True] * 3
    exposition.answer(second, OPEN, 0.0)
    assert sum(families.PASSES in points for points in collected) == 2


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not here")
def test_promtool_finds_nothing_wrong() -> None:
    """The real linter has no word against names, units, types and help."""
    body = Exposition().answer(one_of_each(), "", 1.0).body
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
