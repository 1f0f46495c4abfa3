"""What the console must know from above: who is here, where they work, what they may. Tenancy answers.

What must stay true: without an answer nobody is let in.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.http import HttpRequest

from decisionos.kernel import errors


@dataclass(frozen=True, slots=True)
class Environment:
    """A stage of a project: dev, stage or prod."""

    id: uuid.UUID
    kind: str


@dataclass(frozen=True, slots=True)
class Project:
    """A project of the organization."""

    id: uuid.UUID
    slug: str
    name: str
    environments: tuple[Environment, ...] = ()


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization that the person belongs to."""

    id: uuid.UUID
    slug: str
    name: str
    time_zone: str = "UTC"
    language: str = "en"
    projects: tuple[Project, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the person works now."""

    organization: Organization
    project: Project | None = None
    environment: Environment | None = None

    @property
    def context(self) -> dict[str, Any]:
        """Return the place as ``authorize`` wants it."""
        return {
            "project_id": self.project.id if self.project else None,
            "environment_id": self.environment.id if self.environment else None,
        }


class Subject(Protocol):
    """Who acts, as far as the kernel needs to know."""

    @property
    def id(self) -> uuid.UUID: ...

    @property
    def tenant_id(self) -> uuid.UUID: ...

    @property
    def actor(self) -> str: ...


class Door(Protocol):
    """Answers for people; every method may raise a refusal."""

    def second_factor_due(self, request: HttpRequest) -> bool:
        """Return whether the person enrolled a second factor and has not shown it yet."""
        ...

    def subject_of(self, request: HttpRequest) -> Subject | None:
        """Return the signed-in person in the organization of the session, or None without one."""
        ...

    def place_of(self, request: HttpRequest) -> Place:
        """Return where the person works now, inside the organization's scope."""
        ...

    def organizations(self, request: HttpRequest) -> list[Organization]:
        """Return every organization of the person, with projects; asked outside any scope."""
        ...

    def switch(self, request: HttpRequest, *, organization: str, project: str, environment: str) -> Place:
        """Move the session to another place and note it in the ledger; asked outside any scope."""
        ...

    def allowed(self, request: HttpRequest) -> frozenset[str]:
        """Return every permission that the person has at the present place."""
        ...

    def authorize(self, request: HttpRequest, permission: str) -> None:
        """Raise unless the person has the permission at the present place."""
        ...

    def note_denied(self, request: HttpRequest, error: errors.DosError) -> None:
        """Leave the trace of a refusal."""
        ...


_door: list[Door] = []


def answer_with(door: Door) -> None:
    """Register who answers."""
    _door[:] = [door]


def door() -> Door:
    """Return who answers; raises Unavailable."""
    if not _door:
        raise errors.Unavailable("Nobody answers for people in this installation.")
    return _door[0]
