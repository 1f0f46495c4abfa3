"""Public keys as a process remembers them: a new one at once, made-up ones a few times a second."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from decisionos.kernel.keys import services
from decisionos.kernel.keys.known import KnownKeys


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.moment = 100.0

    def __call__(self) -> float:
        return self.moment


@pytest.mark.django_db
class TestKnownKeys:
    """The memory."""

    def test_finds_a_key_that_was_made_after_the_last_look(self) -> None:
        known = KnownKeys("test", clock=Clock())
        first = services.sign("test", b"a")
        assert known.find(first.kid) is not None
        services.rotate_key("test")
        second = services.sign("test", b"a")
        found = known.find(second.kid)
        assert found is not None
        assert services.has_signed(found.raw, b"a", second.value)
        assert known.find(first.kid) is not None

    def test_asks_nothing_for_what_it_remembers(self) -> None:
        clock = Clock()
        known = KnownKeys("test", clock=clock)
        kid = services.sign("test", b"a").kid
        known.find(kid)
        clock.moment += 2.9
        with CaptureQueriesContext(connection) as queries:
            assert known.find(kid) is not None
        assert len(queries) == 0

    def test_looks_a_few_times_for_made_up_ids_and_again_later(self) -> None:
        clock = Clock()
        known = KnownKeys("test", clock=clock)
        known.find("test-0")
        with CaptureQueriesContext(connection) as queries:
            assert [known.find(f"test-{number}") for number in range(100)] == [None] * 100
        assert len(queries) == 5
        kid = services.sign("test", b"a").kid
        assert known.find(kid) is None
        clock.moment += 0.2
        assert known.find(kid) is not None

    def test_knows_no_key_of_another_purpose(self) -> None:
        assert KnownKeys("test").find(services.sign("other", b"a").kid) is None

    def test_forgets_when_told(self) -> None:
        known = KnownKeys("test", clock=Clock(), most_looks_at_once=0)
        known.find("none")
        kid = services.sign("test", b"a").kid
        assert known.find(kid) is None
        known.forget()
        assert known.find(kid) is not None


@pytest.mark.django_db
class TestSigner:
    """One key for several signatures."""

    def test_keeps_its_key_over_a_rotation(self) -> None:
        signer = services.signer("test")
        services.rotate_key("test")
        signature = signer.sign(b"a")
        assert signature.kid == signer.kid
        assert services.verify("test", b"a", signature)
        assert services.sign("test", b"a").kid != signer.kid
