"""Made-up facts of the Children pane: the pass saw all processes, or the scripted worker alone."""

from __future__ import annotations

import scripted
from threadtop.inside.children import ChildrenFacts, Relative


def facts() -> ChildrenFacts:
    """Nothing besides the rows."""
    return ChildrenFacts((), is_cut=False)


def attached() -> ChildrenFacts:
    """What is read in a run that is attached to the scripted gunicorn worker alone: two above it, three below."""
    own = scripted.GUNICORN
    relatives = (
        Relative(1, 0, "systemd", "S", 1, 1, "/sbin/init", 0.0),
        Relative(4210, 1, "gunicorn", "S", 1, 1, "/srv/shop/bin/gunicorn -w 2", 0.0),
        Relative(4301, own, "convert", "R", 2, 2, "convert a.png", 97.5),
        Relative(4302, own, "sendmail", "Z", 1, 3),
        Relative(4305, 4301, "gs\x1b[31m", "S", 1, 4, "gs -q", 2.5),
    )
    return ChildrenFacts(relatives, is_cut=False)
