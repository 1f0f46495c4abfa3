"""Rulesets as data: reading, refusing, writing back, naming by digest."""

from __future__ import annotations

import pytest

from policy.rules import documents, rulesets

MINIMAL = """
name: tiny
rules:
  - name: one
    when: a < 1
    action: {class: reject}
"""


def complaints(text: str | bytes) -> list[tuple[str, int]]:
    with pytest.raises(documents.DocumentInvalid) as caught:
        rulesets.loads(text)
    return [(item.pointer, item.line) for item in caught.value.complaints]


class TestLoads:
    def test_fills_in_the_defaults(self) -> None:
        rule = rulesets.loads(MINIMAL).rules[0]
        assert (rule.priority, rule.stop, rule.on_missing, rule.line) == (0, False, "review", 4)
        assert rule.action == rulesets.Action("reject", (), 1.0, ())

    @pytest.mark.parametrize(
        ("old", "new", "pointer", "line"),
        [
            ("name: tiny", "name: Tiny!", "/name", 2),
            ("class: reject", "class: maybe", "/rules/0/action/class", 6),
            ("class: reject", "confidence: 1", "/rules/0/action", 6),
            ("class: reject", "class: reject, confidence: 1.5", "/rules/0/action/confidence", 6),
            ("class: reject", "class: reject, confidence: true", "/rules/0/action/confidence", 6),
            ("class: reject", "class: reject, reasons: [1]", "/rules/0/action/reasons/0", 6),
            ("when: a < 1", "when: true", "/rules/0/when", 5),
            ("when: a < 1", "when: ''", "/rules/0/when", 5),
            ("when: a < 1", "when: a < 1\n    prio: 3", "/rules/0/prio", 6),
            ("when: a < 1", "when: a < 1\n    priority: high", "/rules/0/priority", 6),
            ("when: a < 1", "when: a < 1\n    when: a > 1", "/rules/0/when", 6),
            ("when: a < 1", "when: &x a < 1\n    description: *x", "", 6),
            ("when: a < 1", "when: !!python/name:os.system ''", "", 5),
        ],
    )
    def test_names_the_place_of_what_is_wrong(self, old: str, new: str, pointer: str, line: int) -> None:
        assert complaints(MINIMAL.replace(old, new)) == [(pointer, line)]

    def test_collects_everything_that_is_wrong(self) -> None:
        assert len(complaints("name: Bad Name\nrules:\n  - name: one\n")) == 3

    @pytest.mark.parametrize("text", ["", "[]", "name: x", "name: x\nrules: []", "a: [", b"\xff\xfe"])
    def test_refuses_what_is_no_ruleset(self, text: str | bytes) -> None:
        assert complaints(text)

    def test_refuses_too_much(self) -> None:
        assert complaints("#" * (documents.MAX_BYTES + 1)) == [("", 1)]
        assert complaints("a: " + "[" * 50 + "]" * 50) == [("", 1)]


class TestDumps:
    def test_gives_back_what_was_read(self, lending: list[rulesets.Ruleset]) -> None:
        for ruleset in lending:
            again = rulesets.loads(rulesets.dumps(ruleset))
            assert again == ruleset
            assert rulesets.dumps(again) == rulesets.dumps(ruleset)

    def test_digest_depends_on_content_only(self) -> None:
        spaced = MINIMAL.replace("action: {class: reject}", "stop: false\n    action:\n      class: reject")
        assert rulesets.loads(MINIMAL).digest() == rulesets.loads(spaced).digest()
        changed = MINIMAL.replace("a < 1", "a < 2")
        assert rulesets.loads(MINIMAL).digest() != rulesets.loads(changed).digest()
