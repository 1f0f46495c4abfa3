"""The standard functions and operators of the rule language, and its extensions.

Importing this package registers all of them. Everything here is a pure function of its arguments: no clock,
no randomness, no input or output. `call` evaluates one by name; `find` is what the checker reads.
"""

from __future__ import annotations

from policy.rules.cel.functions import (
    collections,
    conversions,
    formatting,
    mathematics,
    operators,
    optionals,
    strings,
    times,
)
from policy.rules.cel.functions.registry import Overload, call, find, names, resolve

__all__ = [
    "Overload",
    "call",
    "collections",
    "conversions",
    "find",
    "formatting",
    "mathematics",
    "names",
    "operators",
    "optionals",
    "resolve",
    "strings",
    "times",
]
