"""ETag, If-None-Match and If-Match, on every operation that is described with them."""

from __future__ import annotations

import pytest

from decisionos.kernel.web import preconditions
from tenancy.identity import keys
from tests.api.document import Operation, operations
from tests.api.test_repeating import WRITES, ask, headers
from tests.isolation import recipes, world
from tests.isolation.world import House

pytestmark = [
    pytest.mark.xdist_group("preconditions"),
]
READS = [operation for operation in operations() if operation.verb == "GET" and not operation.is_public]
# What is no JSON has no tag: a stream is made anew each time.
UNTAGGED = {"ledger_export", "backtests_download"}
STATES = [operation for operation in WRITES if "If-Match" in headers(operation)]


class TestDescription:
    """What the document promises."""

    @pytest.mark.parametrize("operation", READS, ids=str)
    def test_offers_a_tag_on_every_reading(self, operation: Operation) -> None:
        assert ("If-None-Match" in headers(operation)) == (operation.name not in UNTAGGED)

    def test_binds_every_change_of_a_single_thing_to_its_state(self) -> None:
        bound = {operation.name for operation in STATES}
        wanted = {
            *("config_reload", "config_rollback", "projects_archive", "rulesets_save_draft"),
            *("contracts_activate", "contracts_roll_back", "packs_activate", "packs_roll_back"),
        }
        assert wanted <= bound


@pytest.mark.parametrize("operation", READS, ids=str)
class TestTag:
    """Each reading."""

    def test_names_the_state_and_saves_sending_it_again(
        self, operation: Operation, houses: list[House], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        house = houses[0]
        # The use of a key is noted at most once a minute; here not at all, so that nothing changes between.
        monkeypatch.setattr(keys, "note_use", lambda known, now: None)
        query = recipes.queries(operation, house)
        if operation.name == "backtests_report":
            query = {"as": "json"}
        place = recipes.path(operation, house, **query)
        answer = house.call("owner", "GET", place)
        if operation.name == "backtests_download":
            return  # an evaluation without a baseline has no such list
        assert answer.status_code == 200, answer.content
        assert "private" in answer["Cache-Control"] or "no-store" in answer["Cache-Control"]
        assert "X-Api-Key" in answer["Vary"]
        assert ("ETag" in answer) == (operation.name not in UNTAGGED)
        if "ETag" not in answer or operation.name == "evidence_controls":
            return
        for known in (answer["ETag"], f"W/{answer['ETag']}", f'"other", {answer["ETag"]}', "*"):
            again = house.call("owner", "GET", place, If_None_Match=known)
            assert (again.status_code, again.content) == (304, b""), operation
            assert again["ETag"] == answer["ETag"]
        changed = house.call("owner", "GET", place, If_None_Match='"other"')
        assert changed.status_code == 200


class TestIfMatch:
    """Writes that are bound to a state."""

    @pytest.mark.parametrize("operation", STATES, ids=str)
    @pytest.mark.parametrize("tag", ['"0"', "nothing", "", 'W/"0"'])
    def test_change_nothing_where_the_state_is_another(
        self, operation: Operation, tag: str, houses: list[House]
    ) -> None:
        before = world.counts(*houses)
        answer = ask(houses[1], operation, If_Match=tag)
        assert answer.status_code == 404 or answer.json()["code"] == "precondition_failed", answer.content
        assert world.counts(*houses) == before

    @pytest.mark.parametrize("operation", [found for found in WRITES if found not in STATES], ids=str)
    def test_are_refused_where_there_is_no_state_to_name(
        self, operation: Operation, houses: list[House]
    ) -> None:
        if operation.is_public or operation.place.startswith("decide/"):
            return
        before = world.counts(*houses)
        assert ask(houses[1], operation, If_Match="*").status_code == 412
        assert world.counts(*houses) == before

    def test_let_the_first_of_two_writers_win(self, houses: list[House]) -> None:
        house = houses[0]
        seen = house.call("owner", "GET", "config")["ETag"]
        changes = [world.config(house.slug, retries) for retries in (4, 5)]
        first, second = (
            house.call("admin", "POST", "config/reload", body=body, If_Match=seen) for body in changes
        )
        assert (first.status_code, second.status_code) == (200, 412)
        present = house.call("owner", "GET", "config")
        assert present.json()["content"]["budgets"]["retries"] == 4
        assert present["ETag"] == first["ETag"]

    def test_bind_an_activation_to_the_version_in_force(self, houses: list[House]) -> None:
        house = houses[0]
        place = f"contracts/{house.has['contract']}"
        house.call("owner", "POST", f"{place}/versions/1.1.0/activate")
        seen = house.call("owner", "GET", place)["ETag"]
        back = house.call("owner", "POST", f"{place}/rollback", If_Match=seen)
        assert back.status_code == 200
        late = house.call("owner", "POST", f"{place}/versions/1.1.0/activate", If_Match=seen)
        assert late.status_code == 412
        again = house.call("owner", "POST", f"{place}/versions/1.1.0/activate", If_Match=back["ETag"])
        assert again.status_code == 200

    def test_are_checked_after_the_kept_answer(self, houses: list[House]) -> None:
        house = houses[0]
        seen = house.call("owner", "GET", "config")["ETag"]
        body = world.config(house.slug, 3)
        answers = [
            house.call("owner", "POST", "config/reload", body=body, If_Match=seen, Idempotency_Key="both")
            for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()


class TestTags:
    """How tags are read."""

    @pytest.mark.parametrize(
        ("header", "known", "named"),
        [
            ('"a"', True, True),
            ('W/"a"', True, False),
            ('"b", "a"', True, True),
            ("*", True, True),
            ('"b"', False, False),
            ("a", False, False),
            ("", False, False),
        ],
    )
    def test_weakly_for_reading_and_strongly_for_writing(self, header: str, known: bool, named: bool) -> None:
        assert preconditions.is_known(header, '"a"') is known
        assert preconditions.is_named(header, '"a"') is named
        assert preconditions.is_named(header, None) is False
