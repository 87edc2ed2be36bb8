"""The parser of command lines: values that begin with a dash, and what it says of what makes no sense."""

from __future__ import annotations

import pytest

from threadtop import cli, diff_command, export_command, record_command, replay_command
from threadtop.errors import UsageError
from threadtop.recording.times import Named


@pytest.mark.parametrize("said", [["-o", "-wait"], ["-o=-wait"], ["-o-wait"], ["--sort", "-wait"], ["--sort=-wait"]])
@pytest.mark.parametrize("parse", [cli.parse, replay_command.parse, export_command.parse])
def test_an_order_is_turned(parse: object, said: list[str]) -> None:
    """-o -FIELD, as the help has it, is the order turned, not -w with a width, live and of a recording."""
    file = {cli.parse: ["--once"], replay_command.parse: ["a"], export_command.parse: ["a", "--csv"]}[parse]  # type: ignore[index]
    asked = parse([*said, *file])  # type: ignore[operator]
    options = asked[0] if parse is cli.parse else asked.options
    assert (options.sort, options.descending) == ("wait_pct", False)


def test_moments_from_the_end_are_no_options() -> None:
    """-30s behind an option that takes a moment is its value."""
    asked = export_command.parse(["a", "--csv", "--to", "-30s", "--from", "-1m"])
    assert (asked.begin, asked.end) == (Named("end", 60.0), Named("end", 30.0))
    assert replay_command.parse(["a", "--at", "-30s"]).at == Named("end", 30.0)
    assert diff_command.parse(["a", "--at", "-30s", "--and", "-5"])[1:3] == (Named("end", 30.0), Named("end", 5.0))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-b", "-n", "-1"], "-n wants a whole number from 1 to 1000000, not '-1'"),
        (["-d", "-1"], "-d wants seconds between 0.1 and 3600, not '-1'"),
        (
            ["--screenshot", "a.svg", "--size", "-5x40"],
            "--size wants COLUMNSxROWS between 20x6 and 400x400, not '-5x40'",
        ),
        (["--once", "-w", "-5"], "-w wants a whole number from 1 to 1000000, not '-5'"),
        (["-p", "-5"], "'-5' is not a process id"),
        (["-o", "-wiat"], "there is no column 'wiat'"),
        (["-o", "--once"], "argument -o/--sort: expected one argument"),
        (["--columns", "--once"], "argument --columns: expected one argument"),
    ],
)
def test_a_value_that_is_none_is_named(arguments: list[str], words: str) -> None:
    """What stands behind an option is told as what it is; an option behind one is still an option."""
    with pytest.raises(UsageError) as refused:
        cli.parse(arguments)
    assert refused.value.what == words


def test_where_a_file_is_to_be_named_an_option_is_none() -> None:
    """No recording is called -d5 because its name was forgotten."""
    with pytest.raises(UsageError, match="-o/--output: expected one argument"):
        record_command.parse(["-o", "-d5"])
