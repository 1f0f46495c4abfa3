"""What every template knows of the shell; asked for lazily, so that a page without it pays nothing."""

from __future__ import annotations

import zlib
from functools import cached_property
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import get_language

from decisionos.kernel import correlation
from decisionos.kernel.console import questions, registry

THEMES = ("system", "light", "dark")
COUNTS_SECONDS = 15


class Shell:
    """The frame around a page, for one request."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @property
    def subject(self) -> Any:
        """Return who is here, or None where no page let them in."""
        return getattr(self.request, "subject", None)

    @property
    def place(self) -> questions.Place | None:
        """Return where they work."""
        return getattr(self.request, "place", None)

    @cached_property
    def allowed(self) -> frozenset[str]:
        """Return what they may do here."""
        return questions.door().allowed(self.request) if self.subject is not None else frozenset()

    @cached_property
    def groups(self) -> list[dict[str, Any]]:
        """Return the navigation, with what waits behind each page where that is known already."""
        if self.subject is None:
            return []
        counts: dict[str, int] = cache.get(self.counts_key) or {}
        active = getattr(self.request, "active_nav", "")
        return [
            {
                "domain": group,
                "pages": [
                    {"nav": page, "url": url, "count": counts.get(page.name), "active": page.name == active}
                    for page in shown
                    if (url := address(page.url_name))
                ],
            }
            for group, shown in registry.groups(self.allowed)
        ]

    @property
    def counts_key(self) -> str:
        """Return the cache key of what waits for this person."""
        place = self.place
        where = (
            f"{place.project.id}:{place.environment.id}"
            if place and place.project and place.environment
            else ""
        )
        return f"console:counts:{self.subject.tenant_id}:{self.subject.id}:{where}"

    def counts(self) -> dict[str, int]:
        """Ask every permitted page what waits there; kept for a few seconds."""
        known: dict[str, int] | None = cache.get(self.counts_key)
        if known is not None:
            return known
        found: dict[str, int] = {}
        for _group, shown in registry.groups(self.allowed):
            for page in shown:
                if page.count is not None:
                    number = registry.guarded(page.name, lambda p=page: p.count(self.request), None)  # type: ignore[misc]
                    if number is not None:
                        found[page.name] = int(number)
        cache.set(self.counts_key, found, COUNTS_SECONDS)
        return found

    @cached_property
    def notices(self) -> list[registry.Notice]:
        """Return the banners."""
        return list(registry.ask_all(registry.notices, self.request, self.allowed)) if self.subject else []

    @property
    def theme(self) -> str:
        """Return the theme that was chosen, or system."""
        chosen = self.request.COOKIES.get("theme", "system")
        return chosen if chosen in THEMES else "system"

    @property
    def density(self) -> str:
        """Return compact where narrow rows were chosen."""
        return "compact" if self.request.COOKIES.get("density") == "compact" else ""

    @property
    def is_dev(self) -> bool:
        """Return whether this is a developer's installation."""
        return not settings.PRODUCTION

    @property
    def languages(self) -> list[tuple[str, str]]:
        """Return the languages that can be chosen."""
        return list(settings.LANGUAGES)

    @property
    def catalogue(self) -> str:
        """Return the address of the texts of scripts in the language in force."""
        language = get_language() or "en"
        return f"{reverse('console:catalogue')}?l={language}&v={settings.DOS_STATIC_VERSION}"

    @property
    def correlation_id(self) -> str:
        """Return the id under which the logs hold this request."""
        return correlation.current()

    @property
    def name(self) -> str:
        """Return how to call the person."""
        user = getattr(self.request, "user", None)
        return str(getattr(user, "name", "") or getattr(user, "email", "") or "")

    @property
    def initials(self) -> str:
        """Return up to two letters for the person."""
        words = self.name.split("@", maxsplit=1)[0].replace(".", " ").replace("-", " ").split()
        return "".join(word[0] for word in words[:2]).upper() or "?"

    @property
    def storage(self) -> str:
        """Return a name for what the browser keeps for this person here; it says nothing about them."""
        if self.subject is None:
            return "none"
        return f"{zlib.crc32(f'{self.subject.id}:{self.subject.tenant_id}'.encode()):08x}"


def address(url_name: str) -> str:
    """Return the address of a page, or an empty text where it is not installed."""
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return ""


def shell_of(request: HttpRequest) -> Shell:
    """Return the request's shell, the same at every call."""
    known: Shell | None = getattr(request, "_console_shell", None)
    if known is None:
        known = Shell(request)
        request._console_shell = known  # type: ignore[attr-defined]
    return known


def console(request: HttpRequest) -> dict[str, Any]:
    """Lend the shell to templates."""
    return {"console": shell_of(request)}
