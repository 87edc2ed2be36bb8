"""What a pass has left, as prometheus_client says it: OpenMetrics, or the text format that is older than it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from threadtop import __version__
from threadtop.metrics import families
from threadtop.metrics.families import Point

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from threadtop.metrics.families import Family, Published

OPENMETRICS: Final = "application/openmetrics-text"
_END: Final = b"# EOF\n"


class Answer(NamedTuple):
    """A scrape's answer, and the Content-Type that says what it is."""

    body: bytes
    content_type: str


class _Points(Collector):
    """Points of families as prometheus_client's metrics; when a counter began is said in OpenMetrics only."""

    def __init__(self, points: Mapping[Family, tuple[Point, ...]], *, has_created: bool) -> None:
        """Say all of ``points``; a family without any is left out."""
        self._points = points
        self._has_created = has_created

    def collect(self) -> Iterator[Metric]:
        """Each family once."""
        for family, points in self._points.items():
            if not points:
                continue
            metric = Metric(family.name, family.help, family.kind, family.unit)
            name, created_name = family.sample_name, f"{family.name}_created"
            for point in points:
                labels = dict(zip(family.labels, point.labels, strict=True))
                metric.add_sample(name, labels, point.value)
                if self._has_created and point.created is not None:
                    metric.add_sample(created_name, labels, point.created)
            yield metric


class Exposition:
    """Says what was published; what does not change until the next pass is put into words once for each format."""

    def __init__(self) -> None:
        """Nothing said yet."""
        self._said: dict[bool, tuple[Published | None, bytes]] = {}  # by whether it is OpenMetrics

    def answer(self, published: Published | None, accept: str, age_s: float | None) -> Answer:
        """Everything published, in the format that ``accept`` asks for, and how old it is (None: left out)."""
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # a version that is no number
            encode, content_type = choose_encoder("")
        is_open = content_type.startswith(OPENMETRICS)
        said = self._said.get(is_open)
        if said is None or said[0] is not published:
            points = {**(published.points if published else {}), families.BUILD: (Point((__version__,), 1.0),)}
            body = encode(_Points(points, has_created=is_open))
            said = self._said[is_open] = (published, body.removesuffix(_END))
        age = {families.PASS_AGE: (Point((), age_s),)} if age_s is not None and published is not None else {}
        return Answer(said[1] + encode(_Points(age, has_created=is_open)), content_type)
