"""What the console shows, entered by each app's ``console.py``: domains, pages, palette, actions, work.

What must stay true: an entry is shown only to those who have its permission; one that fails is left out and
told in the error log, and never takes a page down with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import transaction
from django.http import HttpRequest

from decisionos.kernel import errors

_log = logging.getLogger("decisionos.error")
Text = Any  # a text, or one that is translated when it is shown
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Domain:
    """A group of the navigation; without a label it stands first and unnamed."""

    name: str
    label: Text
    icon: str
    order: int


@dataclass(frozen=True, slots=True)
class Nav:
    """A page of the navigation. ``count`` is what waits there; ``hot`` shows it in red."""

    domain: str
    name: str
    label: Text
    url_name: str
    icon: str
    key: str = ""
    permission: str = ""
    count: Callable[[HttpRequest], int | None] | None = None
    hot: bool = False
    order: int = 100


@dataclass(frozen=True, slots=True)
class PaletteItem:
    """One thing that the palette finds."""

    label: Text
    url: str
    kind: Text = ""
    hint: Text = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Records that the palette searches."""

    name: str
    search: Callable[[HttpRequest, str], Iterable[PaletteItem]]
    permission: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """A page that does something, offered in the palette."""

    label: Text
    url_name: str
    permission: str = ""
    icon: str = "bolt"
    key: str = ""


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that needs a person: its level (bad, warn, info), cause and one next step."""

    level: str
    title: Text
    cause: Text
    next_label: Text
    next_url: str


@dataclass(frozen=True, slots=True)
class Work:
    """Work in the background: state is queued, running, done or failed; ``percent`` may be unknown."""

    label: Text
    state: str
    percent: int | None = None
    url: str = ""
    detail: Text = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A banner over every page."""

    level: str
    text: Text
    url: str = ""
    link: Text = ""


@dataclass(frozen=True, slots=True)
class Finder:
    """A named question that is asked of an app."""

    name: str
    find: Callable[[HttpRequest], Iterable[Any]]
    permission: str = ""


domains: dict[str, Domain] = {}
pages: dict[str, Nav] = {}
sources: dict[str, Source] = {}
actions: dict[str, Action] = {}
attentions: dict[str, Finder] = {}
works: dict[str, Finder] = {}
notices: dict[str, Finder] = {}


def domain(name: str, label: Text, icon: str = "", order: int = 100) -> None:
    """Enter a group of the navigation."""
    domains[name] = Domain(name, label, icon, order)


def nav(**fields: Any) -> None:
    """Enter a page of the navigation; the fields are those of ``Nav``."""
    entry = Nav(**fields)
    if entry.domain not in domains:
        raise ValueError(f"The page {entry.name!r} names the domain {entry.domain!r}, which is not entered.")
    rival = next(
        (p for p in pages.values() if entry.key and p.key == entry.key and p.name != entry.name), None
    )
    if rival is not None:
        raise ValueError(f"The key {entry.key!r} opens {rival.name!r} already.")
    pages[entry.name] = entry


def palette_source(
    name: str, search: Callable[[HttpRequest, str], Iterable[PaletteItem]], permission: str = ""
) -> None:
    """Enter records that the palette can find."""
    sources[name] = Source(name, search, permission)


def action(label: Text, url_name: str, permission: str = "", icon: str = "bolt", key: str = "") -> None:
    """Enter an action of the palette."""
    actions[url_name] = Action(label, url_name, permission, icon, key)


def attention(name: str, find: Callable[[HttpRequest], Iterable[Attention]], permission: str = "") -> None:
    """Enter what may need a person."""
    attentions[name] = Finder(name, find, permission)


def work(name: str, find: Callable[[HttpRequest], Iterable[Work]], permission: str = "") -> None:
    """Enter work in the background."""
    works[name] = Finder(name, find, permission)


def notice(name: str, find: Callable[[HttpRequest], Iterable[Notice]], permission: str = "") -> None:
    """Enter a banner."""
    notices[name] = Finder(name, find, permission)


def guarded(name: str, ask: Callable[[], T], otherwise: T) -> T:
    """Ask an app; what fails is undone, told in the error log and left out."""
    try:
        with transaction.atomic():
            return ask()
    except errors.Denied:
        return otherwise
    except Exception:  # noqa: BLE001  whatever an app does wrong stays its own
        _log.exception("the console asked %s in vain", name)
        return otherwise


def ask_all(finders: dict[str, Finder], request: HttpRequest, allowed: frozenset[str]) -> Iterator[Any]:
    """Yield what every permitted finder finds."""
    for finder in list(finders.values()):
        if not finder.permission or finder.permission in allowed:
            yield from guarded(finder.name, lambda f=finder: list(f.find(request)), [])  # type: ignore[misc]


def groups(allowed: frozenset[str]) -> list[tuple[Domain, list[Nav]]]:
    """Return the navigation of those who have these permissions, in order; empty groups are left out."""
    found = []
    for group in sorted(domains.values(), key=lambda item: (item.order, item.name)):
        shown = [
            page
            for page in pages.values()
            if page.domain == group.name and (not page.permission or page.permission in allowed)
        ]
        if shown:
            found.append((group, sorted(shown, key=lambda item: (item.order, item.name))))
    return found
