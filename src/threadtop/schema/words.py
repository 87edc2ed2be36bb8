"""The words of JSON Schema that ours is made of; pure."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

_TIME: Final = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$"

Schema: TypeAlias = dict[str, Any]


def value(kind: str, description: str, **more: Any) -> Schema:  # noqa: ANN401 keywords of JSON Schema
    """A single value; ``kind`` ends in ``?`` where it may be null, for not known."""
    name = kind.removesuffix("?")
    return {"type": [name, "null"] if kind.endswith("?") else name, "description": description, **more}


def record(description: str, properties: Schema, optional: Schema | None = None) -> Schema:
    """An object that takes these keys and no other; those in ``properties`` it must have."""
    return {
        "type": "object",
        "description": description,
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
        "additionalProperties": False,
    }


def several(items: Schema, description: str, **more: Any) -> Schema:  # noqa: ANN401 as above
    """A list."""
    return {"type": "array", "description": description, "items": items, **more}


def moment(description: str) -> Schema:
    """A moment."""
    return value("string", f"{description}, UTC with its offset (RFC 3339)", pattern=_TIME)


def counts(description: str) -> Schema:
    """An object whose keys are names of the machine's."""
    values = value("integer", "how many", minimum=0)
    return {"type": "object", "description": description, "additionalProperties": values}


def ref(name: str) -> Schema:
    """What is described under that name in ``$defs``."""
    return {"$ref": f"#/$defs/{name}"}


def maybe(name: str, description: str) -> Schema:
    """The same, or null."""
    return {"anyOf": [ref(name), {"type": "null"}], "description": description}


def share(description: str) -> Schema:
    """A figure of measure that can be unknown."""
    return value("number?", description, minimum=0)


def count(description: str) -> Schema:
    """How many: never unknown."""
    return value("integer", description, minimum=0)


def tid(description: str) -> Schema:
    """The id of a process or thread."""
    return value("integer", description, minimum=1)


def grade(grades: tuple[str, ...]) -> Schema:
    """One of the grades of evidence."""
    return {"enum": list(grades), "description": "how sure it is"}


def said(description: str) -> Schema:
    """A text, null where there is nothing to say."""
    return value("string?", description)
