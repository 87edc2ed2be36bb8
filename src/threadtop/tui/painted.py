"""Painted: a widget made of Lines that sends only the cells that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.widget import Widget

from threadtop.tui import _compat, paint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.geometry import Region, Size
    from textual.strip import Strip

    from threadtop.tui.paint import Line
    from threadtop.tui.themes import Palette


class Painted(Widget):
    """Shows Lines; ``repaint`` compares what they are now with what stands on the terminal."""

    DEFAULT_CSS: ClassVar[str] = "Painted { width: 1fr; height: 1fr; }"

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 Widget's own options
        """An empty widget; ``options`` go to Widget."""
        super().__init__(**options)
        self._shown: list[Line] = []

    @property
    def palette(self) -> Palette:
        """The app's colours."""
        return self.app.palette  # type: ignore[attr-defined, no-any-return]

    def make_lines(self, width: int, height: int) -> Sequence[Line]:
        """The lines to show; each ``width`` cells, at most ``height`` of them."""
        raise NotImplementedError

    def _made(self) -> list[Line]:
        width, height = self.size
        lines = list(self.make_lines(width, height))[:height] if width and height else []
        lines.extend([paint.blank(width)] * (height - len(lines)))
        return lines

    def repaint(self) -> None:
        """Bring the terminal up to date: nothing is sent for what stands there already."""
        if not self.is_mounted or not self.display:
            return
        if _compat.is_behind(self.app):
            return  # the next tick shows the difference to what was really sent
        lines = self._made()
        if lines == self._shown:
            return
        fits = len(lines) == len(self._shown) and _compat.can_paint(self)
        if fits and lines and len(lines[0][0]) == len(self._shown[0][0]):
            region = self.region
            data = paint.update(self._shown, lines, region.x, region.y, self.palette.codes)
            self._shown = lines
            if data:
                _compat.write(self.app, data)
        else:
            self._shown = lines
            self.refresh()

    def restyle(self) -> None:
        """Send everything again: the colours have changed."""
        self._shown = []
        self.repaint()

    def on_resize(self, _event: events.Resize) -> None:
        """Make the lines anew for another size."""
        self._shown = self._made()
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The strips of a part of the widget, straight from the lines (no cache of styles in between)."""
        strips = [self.render_line(y) for y in range(crop.y, crop.bottom)]
        if crop.x or crop.width != self.size.width:
            return [strip.crop(crop.x, crop.right) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        """One line as a strip."""
        if y < len(self._shown):
            return self.palette.strip(self._shown[y])
        return self.palette.strip(paint.blank(self.size.width))

    def get_content_width(self, container: Size, viewport: Size) -> int:  # noqa: ARG002 Widget's signature
        """All the width there is."""
        return container.width
