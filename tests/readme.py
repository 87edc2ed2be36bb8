"""The parts of README.md that come from the program: run this to write them; test_readme checks them."""

from __future__ import annotations

import re
from pathlib import Path

from threadtop import fields, pages
from threadtop.metrics import families
from threadtop.tui import commands

README = Path(__file__).parent.parent / "README.md"
PAGES = "src/threadtop/pages"
EXAMPLES = README.parent / "examples"


def keys_table() -> str:
    """The keys of the main screen and of an opened process."""
    lines = ["| key | what it does |", "|---|---|"]
    for action in (*commands.MOVES, *commands.MAIN, *commands.PROCESS, *commands.GLOBAL, *commands.REPLAY):
        keys = ", ".join(f"`` {key} ``" if "`" in key else f"`{key}`" for key in action.shown.split("  "))
        lines.append(f"| {keys} | {action.help} |")
    return "\n".join(lines)


def columns_table() -> str:
    """Every column with its key, aliases, meaning and source."""
    lines = ["| column | key and aliases | what it is | from |", "|---|---|---|---|"]
    for field in fields.FIELDS:
        names = ", ".join(f"`{name}`" for name in dict.fromkeys((field.key, *field.aliases)))
        title = f"[{field.title}]({PAGES}/{field.page}.md)"
        lines.append(f"| {title} | {names} | {field.help} | {field.source} |")
    return "\n".join(lines)


def pages_table() -> str:
    """Every page with its one sentence and the findings it explains."""
    lines = ["| page | what it says | findings |", "|---|---|---|"]
    for page in pages.all_pages():
        kinds = ", ".join(f"`{kind}`" for kind in page.findings)
        lines.append(f"| [{page.title}]({PAGES}/{page.key}.md) | {page.summary} | {kinds} |")
    return "\n".join(lines)


def metrics_table() -> str:
    """Every metric with its labels, kind and meaning, and what the labels can say."""
    lines = ["| metric | labels | what it says |", "|---|---|---|"]
    for family in families.FAMILIES:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        lines.append(f"| `{family.sample_name}` | {labels} | {family.help} |")
    lines += ["", *(f"- `{label}`: {said}" for label, said in families.LABELS.items())]
    return "\n".join(lines)


def example(name: str, language: str) -> str:
    """A file of ``examples/`` as a block of code."""
    return f"```{language}\n{(EXAMPLES / name).read_text(encoding='utf-8').rstrip()}\n```"


def blocks() -> dict[str, str]:
    """All generated parts by the name of their markers."""
    return {
        "keys": keys_table(),
        "columns": columns_table(),
        "pages": pages_table(),
        "metrics": metrics_table(),
        "metrics-scrape": example("prometheus.yml", "yaml"),
        "metrics-alerts": example("threadtop.rules.yml", "yaml"),
        "metrics-groups": example("groups.toml", "toml"),
    }


def filled(text: str) -> str:
    """README.md with its generated parts made anew."""
    for name, table in blocks().items():
        pattern = re.compile(f"<!-- {name} -->.*?<!-- /{name} -->", re.DOTALL)
        block = f"<!-- {name} -->\n{table}\n<!-- /{name} -->"
        text = pattern.sub(lambda _, block=block: block, text)
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
