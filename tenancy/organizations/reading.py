"""The text of a tenant.yaml as it comes from outside: read as plain data, odd things named before validation.

What must stay true: no aliases, no repeated or unnamed keys, no dates (a date is text here); a key that the
schema does not know is named by its pointer; nothing that was sent ends in an internal error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from tenancy.organizations import configuration

Problem = dict[str, Any]


class _PlainLoader(yaml.SafeLoader):
    """YAML as plain data."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases, with which a small text becomes a huge value."""
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.constructor.ConstructorError(None, None, "anchors and aliases are not taken", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that is given twice, where the later one would win in silence, or that is no text."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise yaml.constructor.ConstructorError(
                    None, None, "every key must be a text", key.start_mark
                )
            if key.value in seen:
                told = f"{key.value!r} is given twice"
                raise yaml.constructor.ConstructorError(None, None, told, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_PlainLoader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _refuse(problems: list[Problem]) -> configuration.ConfigInvalid:
    return configuration.ConfigInvalid("The configuration in force stays.", errors=problems)


def _step(pointer: str, key: str) -> str:
    return f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"


def _unknown(value: Any, schema: dict[str, Any], pointer: str = "") -> Iterator[Problem]:
    """Name each key that is unknown or missing by its own pointer; the validator names only its parent."""
    if not isinstance(value, dict):
        return
    known: dict[str, Any] = schema.get("properties", {})
    for key in schema.get("required", []):
        if key not in value:
            yield {"pointer": _step(pointer, key), "message": "is required"}
    for key, item in value.items():
        if key in known:
            yield from _unknown(item, known[key], _step(pointer, key))
        elif schema.get("additionalProperties") is False:
            yield {"pointer": _step(pointer, key), "message": "is not a known key"}


def _nulls(value: Any, pointer: str = "") -> Iterator[Problem]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _nulls(item, _step(pointer, str(key)))
            if "\x00" in str(key):
                yield {"pointer": pointer, "message": "a key holds a null character"}
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nulls(item, f"{pointer}/{index}")
    elif isinstance(value, str) and "\x00" in value:
        yield {"pointer": pointer, "message": "holds a null character"}


def read(source: str) -> str:
    """Return the text in a form that says plainly what it means; raises ConfigInvalid naming each fault."""
    if len(source.encode()) > configuration.MOST_BYTES:
        raise _refuse([{"pointer": "", "message": f"at most {configuration.MOST_BYTES} bytes are taken"}])
    try:
        content = yaml.load(source, Loader=_PlainLoader)  # noqa: S506  a SafeLoader, narrowed further
        usual = yaml.safe_load(source)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = getattr(error, "problem", None) or "it cannot be read"
        raise _refuse([{"pointer": "", "message": f"is not plain YAML: {what}{place}"}]) from error
    if not isinstance(content, dict):
        raise _refuse([{"pointer": "", "message": "must be a mapping of keys to values"}])
    problems = [*_unknown(content, configuration.SCHEMA), *_nulls(content)]
    if not isinstance(content.get("ip_allowlist", []), list):
        problems.append({"pointer": "/ip_allowlist", "message": "must be a list of addresses and networks"})
    if problems:
        raise _refuse(problems)
    # The author's own writing is kept, comments included, unless it would be understood differently.
    return source if usual == content else str(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
