"""Which variables of an environment look like secrets, by their names and by what their values are like; pure."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from math import log2
from typing import Final

_NAME: Final = re.compile(
    r"key|secret|token|passw|passphrase|pwd|credential|auth|private|cookie|session|signature|bearer|webhook|salt|pass$"
    r"|(?:^|[_.-])(?:api|sas|jwt|dsn|pat|pin|otp|pass|creds?)(?:$|[_.-])",
    re.IGNORECASE,
)
_HARMLESS: Final = re.compile(
    r"(?:OLD)?PWD|SSH_AUTH_SOCK|XAUTHORITY|(?:XDG|DESKTOP|GNOME_DESKTOP|DBUS|GDM)_?SESSION\w*|SESSION_MANAGER|PATH"
    r"|SSH_ASKPASS|GIT_(?:AUTHOR|ASKPASS)\w*|INVOCATION_ID|XKEYBOARD\w*|KEYMAP|KEYTIMEOUT"
)
"""Whole names that hold such a word, or values that look so, and are known to be no secret."""
_SETTINGS: Final = ("secret", "token", "passw", "passphrase", "credential", "pwd", "key")
"""Of which one occurs wherever _SETTING is found: looking for words is ten times as fast."""
_SETTING: Final = re.compile(
    r"(?:secret|token|passw(?:or)?d|passphrase|credentials?|pwd|(?:api|access|account|shared|private|secret)[_-]?key)"
    r"(?:[\"']?[ \t]?[=:]|[ \t])[ \t]?[\"']?[^\s\"'=:/]"
)
_SCHEMES: Final = ("bearer", "basic")  # of the header Authorization
_SCHEME: Final = re.compile(r"(?:bearer|basic) {1,3}[a-z0-9+/._~=-]{8}")
_TOKEN: Final = re.compile(
    r"(?<![A-Za-z0-9_-])(?:eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{2}"  # a JWT: {" in base64, a dot
    r"|(?:gh[a-z]_|github_pat_|glpat-|xox[a-z]-|sk-|[sr]k_live_|npm_|pypi-|hvs\.|AKIA|ASIA|AIza|SG\.)[\w.-]{12})"
)
_RUN: Final = re.compile(r"[A-Za-z0-9+/_=-]{20,}")
_HEX: Final = re.compile(r"[0-9a-f]{32,}|[0-9A-F]{32,}")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LEAST_RUN: Final = 20  # characters of what is taken for random ones
_LEAST_BITS: Final = 3.5  # of entropy in a character of such a run; words of a language have less
_LEAST_HEX_BITS: Final = 3.0
_LEAST_USER: Final = 16  # characters of a user name in a URL that is a token


@lru_cache(maxsize=4096)
def is_secret(name: str, value: str) -> bool:
    """Whether a bystander should not read it; takes time in proportion to its length."""
    is_harmless = _HARMLESS.fullmatch(name) is not None
    if value and not is_harmless and _NAME.search(name) and not _is_path(value):
        return True
    if _is_secret_value(value):
        return True
    return not is_harmless and any(_is_random(run[0]) for run in _RUN.finditer(value))


def _is_path(value: str) -> bool:
    """``/etc/ssl/key.pem``: where it is, not what it is."""
    return value.startswith("/") and "/" in value[1:]


def _is_secret_value(value: str) -> bool:
    """A private key, a password in a URL, a token, a setting inside of it."""
    if "-----BEGIN" in value or any(map(_has_password, value.split())):
        return True
    lowered = value.lower()
    if _TOKEN.search(value) or (any(word in lowered for word in _SCHEMES) and _SCHEME.search(lowered)):
        return True
    return any(word in lowered for word in _SETTINGS) and _SETTING.search(lowered) is not None


def _has_password(word: str) -> bool:
    """``scheme://user:password@host``, or a token in the place of the user."""
    _, scheme, rest = word.partition("://")
    user, at, _ = rest.rpartition("@")
    if not (scheme and at):
        return False
    return ":" in user or (len(user) >= _LEAST_USER and "/" not in user)


def _is_random(run: str) -> bool:
    """Whether characters look drawn by lot: hexadecimal digits, or small and capital letters with digits."""
    if _UUID.fullmatch(run):
        return False
    if any(_bits(match[0]) >= _LEAST_HEX_BITS for match in _HEX.finditer(run)):
        return True
    parts = run.split("/") if run.startswith("/") else [run]  # a path is judged name by name
    return any(len(part) >= _LEAST_RUN and _is_mixed(part) and _bits(part) >= _LEAST_BITS for part in parts)


def _is_mixed(run: str) -> bool:
    """Digits among letters, small ones among capitals."""
    return any(map(str.islower, run)) and any(map(str.isupper, run)) and any(map(str.isdigit, run))


def _bits(run: str) -> float:
    """Entropy of a character in bits, from how often each occurs (Shannon)."""
    length = len(run)
    return -sum(count / length * log2(count / length) for count in Counter(run).values())
