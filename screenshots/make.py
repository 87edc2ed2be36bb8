"""Makes the README's pictures from scripted data: ``python screenshots/make.py``.

SVG comes from the app itself; PNG is drawn from it by cairosvg (which needs libcairo) in DejaVu Sans
Mono.  Each PNG carries the digest of the SVG it was drawn from, so that a test can tell whether it is
current without drawing it again: fonts differ between machines.
"""

from __future__ import annotations

import asyncio
import hashlib
import html
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

import scripted  # noqa: E402 the scripted world is the tests'
import scripted_findings  # noqa: E402
import scripted_gil  # noqa: E402
import scripted_replay  # noqa: E402
import scripted_sheets  # noqa: E402
from threadtop import sheets  # noqa: E402
from threadtop.cli import Options  # noqa: E402
from threadtop.config import Preferences  # noqa: E402
from threadtop.feed import Feed  # noqa: E402
from threadtop.source import ScriptedSource  # noqa: E402
from threadtop.tui.app import ThreadtopApp  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.snapshot import Snapshot

DIGEST_KEY = b"svg-sha256"
FONT = "DejaVu Sans Mono"
ADVANCE = 1233 / 2048  # of its characters, in its size
CELL = 12.2  # width of a cell in Textual's SVG
HOSTILE = 9502  # the scripted process with names in scripts and escapes that the font has no pictures of
TEXT = re.compile(r'<text (?P<style>class="[^"]*") x="(?P<x>[\d.]+)" (?P<line>y="[^"]*")[^>]*>(?P<body>[^<]*)</text>')


class Picture(NamedTuple):
    """One picture: its file name, size in cells, theme, the keys pressed before it is taken, and what goes on.

    ``shows`` is how a GIL is known, ``findings`` for more of them than that of a GIL, "" for none.  ``pane`` is the
    name of a pane of fields that is opened first; ``is_replay``: it is of a recording.
    """

    name: str
    width: int
    height: int
    theme: str
    keys: tuple[str, ...] = ()
    shows: str = ""
    pane: str = ""
    is_replay: bool = False


TIME = (*"/worker-1", "enter", "enter", "tab")

PICTURES = (
    Picture("main", 120, 34, "dark", shows="findings"),
    Picture("time", 120, 24, "dark", TIME, shows="findings"),
    Picture("findings", 120, 30, "dark", ("f",), shows="findings"),
    Picture("gil", 120, 30, "dark", ("f", "enter"), shows="exact"),
    Picture("gil-asleep", 120, 36, "dark", ("f", "enter"), shows="asleep"),
    Picture("gil-estimate", 80, 24, "dark", ("f", "enter"), shows="estimate"),
    Picture("narrow", 80, 24, "ansi", shows="findings"),
    Picture("tree", 120, 34, "dark", ("t",)),
    Picture("groups", 120, 24, "dark", ("v", "v", "v")),
    Picture("process", 120, 24, "dark", ("down", "enter")),
    Picture("overview", 120, 40, "dark", shows="findings", pane="overview"),
    Picture("thread", 120, 36, "dark", shows="findings", pane="thread"),
    Picture("files", 120, 26, "dark", shows="findings", pane="files"),
    Picture("memory", 120, 36, "dark", shows="findings", pane="memory"),
    Picture("replay", 120, 24, "dark", ("x", "X"), shows="exact", is_replay=True),
    Picture("mono", 120, 34, "mono", shows="findings"),
)


def snapshots_of(picture: Picture) -> Iterable[Snapshot]:
    """The scripted seconds before the picture."""
    if picture.shows == "findings":
        return scripted_findings.ticks()
    return scripted_gil.ticks(kind=picture.shows) if picture.shows else scripted.ticks()


async def svg_of(picture: Picture) -> str:
    """The picture as SVG, always the same for the same program."""
    feed = scripted_replay.player(list(snapshots_of(picture))) if picture.is_replay else Feed(ScriptedSource([]), 1.0)
    app = ThreadtopApp(Options(theme=picture.theme), Preferences(), feed)
    async with app.run_test(size=(picture.width, picture.height)) as pilot:
        for snapshot in snapshots_of(picture):
            app.take(scripted.lacking(snapshot, HOSTILE))
            await pilot.pause()
        if picture.pane:
            kind, pid = sheets.BY_NAME[picture.pane], scripted.GUNICORN
            app.open_process(pid, pid, kind.title)
            await pilot.pause()
            last = list(snapshots_of(picture))[-1]
            app.take(scripted_sheets.shown(last, kind, tid=pid if picture.pane == "thread" else 0))
            await pilot.pause()
        for key in picture.keys:
            await pilot.press("slash" if key == "/" else "minus" if key == "-" else key)
            await pilot.pause()
        svg = app.export_screenshot(title="threadtop")
    # Textual marks ids and classes with a number of the run.
    return re.sub(r"terminal-\d+", "terminal", svg)


def png_of(svg: str) -> bytes:
    """The picture as PNG, with the digest of its SVG in a text chunk."""
    import cairosvg  # noqa: PLC0415 needs libcairo, which only the drawing needs

    # Textual lays its cells out for a font that advances by 0.61 of its size.
    fitted = svg.replace("Fira Code", FONT).replace("font-size: 20px", f"font-size: {CELL / ADVANCE:.3f}px")
    drawn: bytes = cairosvg.svg2png(bytestring=TEXT.sub(words_of, fitted).encode(), scale=1.0)
    end_of_header = 8 + 25  # signature and IHDR
    return drawn[:end_of_header] + text_chunk(DIGEST_KEY, digest(svg)) + drawn[end_of_header:]


def words_of(run: re.Match[str]) -> str:
    """A run of text as words that stand in their cells: cairosvg does not stretch a run to its textLength."""
    style, x, line, body = run["style"], float(run["x"]), run["line"], html.unescape(run["body"])
    return "".join(
        f'<text {style} x="{x + CELL * word.start():.1f}" {line}>{html.escape(word.group())}</text>'
        for word in re.finditer(r"[^\xa0]+", body)
    )


def text_chunk(key: bytes, value: bytes) -> bytes:
    """A tEXt chunk (PNG specification, 11.3.3.2)."""
    import zlib  # noqa: PLC0415 drawing only

    body = b"tEXt" + key + b"\0" + value
    return (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")


def digest(svg: str) -> bytes:
    """What a PNG says it was drawn from."""
    return hashlib.sha256(svg.encode()).hexdigest().encode()


def make(pictures: Iterable[Picture] = PICTURES) -> None:
    """Write SVG and PNG of each picture."""
    for picture in pictures:
        svg = asyncio.run(svg_of(picture))
        (HERE / f"{picture.name}.svg").write_text(svg, encoding="utf-8")
        (HERE / f"{picture.name}.png").write_bytes(png_of(svg))
        print(picture.name)


if __name__ == "__main__":
    make()
