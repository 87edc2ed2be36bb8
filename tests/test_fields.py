"""The field table: one vocabulary for columns, sorting, filters, JSON and help."""

from __future__ import annotations

from collections import Counter

import pytest

import scripted_gil
from builders import process_row, snapshot, thread_row
from threadtop import fields, query, text
from threadtop.errors import UsageError
from threadtop.fields import BY_KEY, DEFAULT_COLUMNS, FIELDS, GIL_COLUMNS, JSON_PROCESS, JSON_THREAD, SACRIFICES
from threadtop.snapshot import Estimate, GroupRow, ProcessRow, ThreadRow


def width_of(columns: tuple[str, ...], command_width: int, screen: int = 200) -> int:
    """The cells that columns take on a screen, each but COMMAND with a blank behind it."""
    taken = sum(fields.width_of(BY_KEY[key], screen) + 1 for key in columns if key != "command")
    return taken + command_width * ("command" in columns)


def test_no_name_has_two_meanings() -> None:
    """Keys, titles and aliases name one field each, in any case."""
    names = Counter(
        name for field in FIELDS for name in {field.key.lower(), field.title.lower(), *map(str.lower, field.aliases)}
    )
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.key)
def test_every_name_finds_its_field(field: fields.Field) -> None:
    """Each is found by key, title and alias, in any case and with blanks around."""
    for name in (field.key, field.title, *field.aliases):
        assert fields.find(name) is fields.find(f" {name.upper()} ") is field


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.key)
def test_every_field_stands_on_a_row(field: fields.Field) -> None:
    """A field has a value on the rows of its level, and a title and texts for the help."""
    rows = {"thread": ThreadRow, "process": ProcessRow}
    for level, kind in rows.items():
        if field.level in (level, "both"):
            assert hasattr(kind, field.key)
    assert field.help
    assert field.source
    assert len(field.title) <= field.width


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("cpuu", "did you mean"),
        ("pidd", "did you mean"),
        ("qqqqqq", "threadtop -O lists the columns"),
        ("", "threadtop -O lists the columns"),
    ],
)
def test_an_unknown_name_is_told_what_is_near(name: str, remedy: str) -> None:
    """UsageError names the nearest columns, or where to find them all."""
    with pytest.raises(UsageError, match=f"there is no column {name!r}") as caught:
        fields.find(name)
    assert caught.value.remedy.startswith(remedy)


def test_find_all_keeps_order_and_drops_repeats() -> None:
    """Columns come in the order asked for, each once, whatever they are called."""
    assert [field.key for field in fields.find_all(["tid", "CPU", "lwp", "%cpu", "s"])] == ["tid", "cpu_pct", "state"]
    with pytest.raises(UsageError):
        fields.find_all(["tid", "nonsense"])


def test_column_lists_are_of_the_table() -> None:
    """Default, sacrificed and JSON columns exist, none twice; every default but %CPU and COMMAND can be left out."""
    for keys in (DEFAULT_COLUMNS, SACRIFICES, JSON_PROCESS, JSON_THREAD):
        assert set(keys) <= BY_KEY.keys()
        assert len(set(keys)) == len(keys)
    assert set(DEFAULT_COLUMNS) - set(SACRIFICES) == {"cpu_pct", "command"}


def test_json_keys_stand_on_their_rows() -> None:
    """A JSON key is never filled with the sign for a figure that stands elsewhere."""
    process = process_row(100)
    assert [key for key in JSON_PROCESS if BY_KEY[key].value(process) is text.SHARED] == []
    assert [key for key in JSON_THREAD if BY_KEY[key].value(process.threads[100]) is text.SHARED] == []


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (200, DEFAULT_COLUMNS),
        (
            120,
            tuple(key for key in DEFAULT_COLUMNS if key not in SACRIFICES[:9]),
        ),
        (80, ("cpu_pct", "wait_pct", "vol_per_s", *GIL_COLUMNS, "time_pct", "state", "tid", "command")),
        (50, ("cpu_pct", "wait_pct", "time_pct", "state", "command")),
        (20, ("cpu_pct", "command")),
        (0, ("cpu_pct", "command")),
    ],
)
def test_fitting(width: int, columns: tuple[str, ...]) -> None:
    """Columns fall out in the order of SACRIFICES until COMMAND has its width, and no further."""
    fitted = fields.fitting(DEFAULT_COLUMNS, width)
    assert fitted == columns
    if width >= 30:
        assert width_of(fitted, 20, width) <= width
        dropped = [key for key in SACRIFICES if key in DEFAULT_COLUMNS and key not in fitted]
        if dropped:
            one_more = tuple(key for key in DEFAULT_COLUMNS if key in fitted or key == dropped[-1])
            assert width_of(one_more, 20, width) > width


def test_a_bar_takes_fewer_cells_on_a_narrow_screen() -> None:
    """20 cells where there is room, 10 at 80 columns; without a limit all of its own; other columns have one width."""
    bar, tid = BY_KEY["time_pct"], BY_KEY["tid"]
    assert [fields.width_of(bar, width) for width in (None, 200, 160, 159, 120, 100, 99, 80, 1)] == [
        *(20, 20, 20, 16, 16, 16, 10, 10, 10)
    ]
    assert [fields.width_of(tid, width) for width in (None, 200, 1)] == [7, 7, 7]


def test_fitting_is_exact() -> None:
    """A screen of just the width of all columns shows them all; one cell less does not."""
    needed = width_of(DEFAULT_COLUMNS, 20)
    assert fields.fitting(DEFAULT_COLUMNS, needed) == DEFAULT_COLUMNS
    assert fields.fitting(DEFAULT_COLUMNS, needed - 1) != DEFAULT_COLUMNS
    assert fields.fitting(DEFAULT_COLUMNS, needed + 10, command_width=31) != DEFAULT_COLUMNS


def test_fitting_leaves_chosen_columns() -> None:
    """Without COMMAND nothing is kept free for it, and columns that are no sacrifice stay."""
    assert fields.fitting(("pid", "tid"), 16) == ("pid", "tid")
    assert fields.fitting(("pid", "tid"), 15) == ("tid",)
    assert fields.fitting(("ppid", "name"), 5) == ("ppid", "name")


def test_needs() -> None:
    """Only costly columns ask for reads, and a view asks for those it shows, sorts and filters by."""
    assert fields.needs(fields.find_all(["cpu", "state", "pid"])) == frozenset()
    assert fields.needs(fields.find_all(["vol", "reason", "res"])) == {fields.STATUS, fields.WCHAN, fields.MEMORY}
    assert query.View(columns=("pid",), sort="vol_per_s").needs() == {fields.STATUS}
    assert query.View(columns=("wchan",)).needs() == {fields.WCHAN}


def test_values_on_headings() -> None:
    """A process's own figures are a dot on its threads; a heading has no tid, a group no pid either."""
    process = process_row(100, thread_row(100), thread_row(101))
    shown = query.table(snapshot(process), query.View(layout="programs"))
    group, thread = shown.rows[0], shown.rows[1]
    assert fields.find("res").value(thread) is text.SHARED
    assert fields.find("res").value(process) == 64 << 20
    assert [fields.find(key).value(process) for key in ("pid", "tid", "tid_hex", "psr")] == [100, *[text.SHARED] * 3]
    assert [fields.find(key).value(group) for key in ("pid", "tid", "ppid", "nTH")] == [*[text.SHARED] * 3, 2]
    assert [fields.find(key).value(thread) for key in ("pid", "tid", "hex")] == [100, 100, "0x64"]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.key)
def test_format(field: fields.Field) -> None:
    """Unknown is a dash and what stands elsewhere a dot, in every column."""
    assert field.format(None) == "-"
    assert field.format(text.SHARED) == "·"


@pytest.mark.parametrize(
    ("value", "share", "points", "average"),
    [
        (None, "-", "-", "-"),
        (0.0, "0.0", "0", "0.0"),
        (0.4, "0.4", "<1", "0.4"),
        (70.46, "70.5", "70", "70.5"),
        (100.0, "100.0", "100", "100.0"),
        (Estimate(70.46), "~70", "~70", "~70.5"),
        (Estimate(0.0), "~0", "~0", "~0.0"),
    ],
)
def test_estimates_look_different(value: float | None, share: str, points: str, average: str) -> None:
    """What is inferred is marked and has no decimals that it does not know; unknown is a dash."""
    assert (text.share(value), text.points(value), text.average(value)) == (share, points, average)
    assert BY_KEY["gil_pct"].format(value) == BY_KEY["gil_wait_pct"].format(value) == share


def test_the_gil_of_groups_is_that_of_their_members() -> None:
    """A heading adds up what is known; an estimate among it makes an estimate of the sum, nothing known is unknown."""
    shot = scripted_gil.ticks(6)[5]
    rows = query.table(shot, query.View(layout="programs", sort="gil_wait_pct")).rows
    groups = {row.label: row for row in rows if isinstance(row, GroupRow)}
    assert groups["gunicorn"].gil_wait_pct == pytest.approx(4 * 70.5 + 43, abs=5)
    assert not isinstance(groups["gunicorn"].gil_wait_pct, Estimate)
    assert groups["envoy"].gil_wait_pct is None
    rows = query.table(scripted_gil.ticks(6, "estimate")[5], query.View(layout="programs")).rows
    assert any(isinstance(row, GroupRow) and isinstance(row.gil_wait_pct, Estimate) for row in rows)


def test_texts_are_made_harmless() -> None:
    """A name is formatted as a cell string without control bytes."""
    assert BY_KEY["name"].format("\x1b[2J漢") == "^[[2J漢\0"
