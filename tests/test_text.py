"""Numbers, names and bars as text, at and around every threshold."""

from __future__ import annotations

import unicodedata
from itertools import chain

import pytest

from threadtop import text
from threadtop.procfs.parse import decode
from threadtop.text import FILLER

NS = 1_000_000_000


@pytest.mark.parametrize(
    "formatter",
    [
        text.percent,
        text.rate,
        text.count,
        text.priority,
        text.thousands,
        text.cpu_time,
        text.duration,
        text.size,
    ],
    ids=lambda formatter: formatter.__name__,
)
def test_unknown_is_a_dash(formatter: object) -> None:
    """None is shown as a dash, 0 never is."""
    assert formatter(None) == "-"
    assert formatter(0) != "-"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0.0"),
        (0.04, "0.0"),
        (0.06, "0.1"),
        (9.96, "10.0"),
        (100, "100.0"),
        (999.94, "999.9"),
        (999.96, "1000"),
        (6400, "6400"),
    ],
)
def test_percent(value: float, shown: str) -> None:
    """One decimal up to 999.9, none beyond: never wider than five cells."""
    assert text.percent(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.001, "<1"),
        (0.5, "<1"),
        (0.51, "1"),
        (1.4, "1"),
        (999.4, "999"),
        (999.6, "1,000"),
        (999_999.4, "999,999"),
        (999_999.6, "1.0M"),
        (1_000_000, "1.0M"),
        (12_340_000, "12.3M"),
    ],
)
def test_rate(value: float, shown: str) -> None:
    """What happened is never shown as 0, and what is shown fits seven cells."""
    assert text.rate(value) == shown
    assert len(shown) <= 7


@pytest.mark.parametrize(("value", "shown"), [(0, "0"), (-20, "-20"), (-100, "rt"), (-99, "-99"), (100, "100")])
def test_priority(value: int, shown: str) -> None:
    """Only the highest real-time priority has a word."""
    assert text.priority(value) == shown


@pytest.mark.parametrize(
    ("value", "one", "shown"),
    [
        (1, "thread", "1 thread"),
        (0, "thread", "0 threads"),
        (1200, "process", "1,200 processes"),
        (1.4, "point", "1 point"),
        (None, "read", "- reads"),
        (2, "different stack", "2 different stacks"),
    ],
)
def test_so_many_of_something(value: float | None, one: str, shown: str) -> None:
    """One is told as one, none and several as several."""
    assert text.many(value, one) == shown


def test_whole_numbers() -> None:
    """Identifiers stay plain, amounts have their thousands set apart."""
    assert text.count(1234567) == "1234567"
    assert text.count(-5) == "-5"
    assert text.thousands(1234567.4) == "1,234,567"
    assert text.thousands(999) == "999"


@pytest.mark.parametrize(
    ("value_ns", "shown"),
    [
        (0, "0:00.00"),
        (9_999_999, "0:00.00"),
        (10_000_000, "0:00.01"),
        (60 * NS - 1, "0:59.99"),
        (60 * NS, "1:00.00"),
        (6000 * NS - 1, "99:59.99"),
        (6000 * NS, "1h40"),
        (100 * 3600 * NS - 1, "99h59"),
        (100 * 3600 * NS, "4d04h"),
        (1000 * 86400 * NS, "1000d00h"),
    ],
)
def test_cpu_time(value_ns: int, shown: str) -> None:
    """As top's TIME+, never rounded up, then in larger units; never wider than nine cells."""
    assert text.cpu_time(value_ns) == shown
    assert len(shown) <= 9


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.9, "0 s"),
        (59.9, "59 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (3600, "1:00 h"),
        (86399, "23:59 h"),
        (86400, "1 d 0:00"),
        (12 * 86400 + 4 * 3600 + 11 * 60, "12 d 4:11"),
    ],
)
def test_duration(seconds: float, shown: str) -> None:
    """The two largest units of a span."""
    assert text.duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0B"),
        (999, "999B"),
        (1000, "1.0K"),
        (1024, "1.0K"),
        (99.4 * 1024, "99.4K"),
        (99.96 * 1024, "100K"),
        (999.4 * 1024, "999K"),
        (999.6 * 1024, "1.0M"),
        (5.1 * 1024**3, "5.1G"),
        (2 * 1024**4, "2.0T"),
        (5000 * 1024**4, "5000T"),
    ],
)
def test_size(value: float, shown: str) -> None:
    """A binary unit and at most three digits; terabytes take what is left."""
    assert text.size(value) == shown


# -- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("kworker/0:1 (x)", "kworker/0:1 (x)", id="plain"),
        pytest.param("\0\x01\x1f", "^@^A^_", id="controls"),
        pytest.param("\x1b[2J", "^[[2J", id="escape-sequence"),
        pytest.param("a\tb\nc\rd", "a^Ib^Jc^Md", id="tab-newline-return"),
        pytest.param("\x7f", "^?", id="delete"),
        pytest.param("\x9b31m", "\\u009b31m", id="c1-csi"),
        pytest.param(decode(b"\xff\x80"), "\\xff\\x80", id="not-utf8"),
        pytest.param("\ud800", "\\ud800", id="lone-surrogate"),
        pytest.param("täst", "täst", id="accent"),
        pytest.param("e\u0301", "e\\u0301", id="combining-mark"),
        pytest.param("a\u200bb", "a\\u200bb", id="zero-width-space"),
        pytest.param("a\u200db", "a\\u200db", id="joiner"),
        pytest.param("\u202egnp", "\\u202egnp", id="right-to-left-override"),
        pytest.param("\u2066x\u2069", "\\u2066x\\u2069", id="isolates"),
        pytest.param("\u00a0\u2028", "\\u00a0\\u2028", id="other-spaces"),
        pytest.param("\u1160\ud7b0\uffa0\u3164", "\\u1160\\ud7b0\\uffa0\\u3164", id="hangul-fillers"),
        pytest.param("\U000e0041", "\\U000e0041", id="tag"),
        pytest.param("漢x", f"漢{FILLER}x", id="wide"),
        pytest.param("🧵", f"🧵{FILLER}", id="emoji"),
        pytest.param("👍\U0001f3fd", f"👍{FILLER}\\U0001f3fd", id="skin-tone"),
    ],
)
def test_visible(name: str, shown: str) -> None:
    """Names are shown so that none can move, hide or colour what stands beside it."""
    assert text.visible(name) == shown


def test_nothing_that_acts_is_ever_sent() -> None:
    """No character of Unicode gets through that has no picture of its own."""
    codes = chain(range(0x30000), range(0xE0000, 0xE0200), (0x10FFFF,))  # between: planes without a letter
    shown = text.plain("".join(map(text._visible_character, map(chr, codes))))
    assert {character for character in shown if unicodedata.category(character)[0] in "CMZ"} == {" "}


def test_cell_string_is_one_character_a_cell() -> None:
    """The length of a cell string is its width on the terminal; plain takes the fillers out."""
    cells = text.visible("a漢字\n")
    assert len(cells) == 1 + 4 + 2
    assert text.plain(cells) == "a漢字^J"


@pytest.mark.parametrize(
    ("cells", "width", "fitted"),
    [
        pytest.param("abc", 5, "abc  ", id="padded"),
        pytest.param("abc", 3, "abc", id="exact"),
        pytest.param("abcd", 3, "ab…", id="cut"),
        pytest.param("abcd", 1, "…", id="one-cell"),
        pytest.param("abcd", 0, "", id="no-cell"),
        pytest.param("", 2, "  ", id="empty"),
        pytest.param(f"漢{FILLER}", 4, f"漢{FILLER}  ", id="wide-padded"),
        pytest.param(f"a漢{FILLER}bc", 4, f"a漢{FILLER}…", id="cut-after-wide"),
        pytest.param(f"a漢{FILLER}bc", 3, "a …", id="cut-within-wide"),
        pytest.param(f"漢{FILLER}", 1, "…", id="wide-in-one-cell"),
    ],
)
def test_fit(cells: str, width: int, fitted: str) -> None:
    """Exactly so many cells, without half a wide character."""
    assert text.fit(cells, width) == fitted
    assert len(fitted) == width


@pytest.mark.parametrize(
    ("cells", "width", "fitted"),
    [
        pytest.param("/a/b", 8, "/a/b    ", id="padded"),
        pytest.param("/usr/lib/libx.so", 16, "/usr/lib/libx.so", id="exact"),
        pytest.param("/usr/lib/x86_64/libx.so", 16, "/usr/li…/libx.so", id="half"),
        pytest.param("/var/long/folder/gone.dat (deleted)", 26, "/var/l…/gone.dat (deleted)", id="last"),
        pytest.param("/usr/lib/" + "x" * 40 + ".so", 16, "/us…" + "x" * 9 + ".so", id="a-long-name"),
        pytest.param("17 fds: 3 4 5 6 7 8 9 10", 16, "17 fds: 3 4 5 6…", id="no-path"),
        pytest.param("/usr/lib", 7, "/usr/l…", id="too-narrow"),
        pytest.param(f"/usr/lib/x/線{FILLER}程{FILLER}.s", 9, f"/us… 程{FILLER}.s", id="within-wide"),
    ],
)
def test_fit_paths(cells: str, width: int, fitted: str) -> None:
    """The beginning and the end of a path, its last name whole where that is possible; else the beginning."""
    assert text.fit_path(cells, width) == fitted
    assert len(fitted) == width


def test_fit_to_the_right() -> None:
    """Numbers are padded on the left and cut as text is."""
    assert text.fit("7", 3, right=True) == "  7"
    assert text.fit("12345", 3, right=True) == "12…"


# -- bars --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "bar"),
    [
        pytest.param([], "░░░░░░░░░░", id="nothing"),
        pytest.param([(0.3, "u"), (0.2, "s")], "uuuss░░░░░", id="two"),
        pytest.param([(1.0, "u")], "uuuuuuuuuu", id="full"),
        pytest.param([(0.9, "u"), (0.9, "s")], "uuuuuuuuus", id="too-much"),
        pytest.param([(-0.5, "u"), (0.2, "s")], "ss░░░░░░░░", id="negative-counts-nothing"),
        pytest.param([(0.04, "u"), (0.04, "s")], "s░░░░░░░░░", id="rounded-in-sum"),
        pytest.param([(0.96, "u"), (0.04, "s")], "uuuuuuuuuu", id="no-room-left"),
    ],
)
def test_meter(parts: list[tuple[float, str]], bar: str) -> None:
    """Always as wide as asked, whatever the shares are."""
    assert text.meter(parts, 10) == bar


def test_sparkline() -> None:
    """Eighths of the top; what is not zero is never blank, unknown is a dot, too much is full."""
    assert text.sparkline([0, 0.001, 50, 100, 250, None, -1], 7, 100) == " ▁▄██· "


def test_sparkline_shows_the_last_values_on_the_right() -> None:
    """Older values fall out on the left, missing ones leave the left side blank."""
    assert text.sparkline([100, 0, 100, 50], 3, 100) == " █▄"
    assert text.sparkline([100], 3, 100) == "  █"
    assert text.sparkline([], 2, 100) == "  "


def test_sparkline_without_room_or_top() -> None:
    """No width gives no text, a top of 0 no division by it."""
    assert text.sparkline([1, 2], 0, 100) == ""
    assert text.sparkline([0, 5], 2, 0) == " ▁"


@pytest.mark.parametrize(
    ("value", "pasted"),
    [
        ("/srv/plain name", "/srv/plain name"),
        ("a\tb", "a\tb"),
        ("x\nrm -rf /\r", "x^Jrm -rf /^M"),
        ("\x1b[31mred\x07\x9b", "^[[31mred^G\\u009b"),
        ("ünï漢\udcff", "ünï漢\udcff"),
        ("a\u202eb", "a\\u202eb"),
    ],
)
def test_what_is_pasted_does_nothing(value: str, pasted: str) -> None:
    """A newline or an escape sequence in a file's name is no command for who pastes it; all else is as it is."""
    assert text.pasteable(value) == pasted
