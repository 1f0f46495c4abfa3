"""Merkle trees: against published cases, against a plain definition, and against every forged bit."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisionos.kernel import merkle

LEAVES = [merkle.leaf_hash(str(number).encode()) for number in range(70)]
DATA = (
    Path(os.environ.get("DOS_REFERENCE_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
    / "merkle_proofs.json"
)


def plain_root(leaves: list[bytes]) -> bytes:
    """The definition of RFC 6962, word by word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return merkle.node_hash(plain_root(leaves[:split]), plain_root(leaves[split:]))


def node(level: int, index: int) -> bytes:
    """The hash of a complete subtree over LEAVES."""
    return plain_root(LEAVES[index << level : (index + 1) << level])


class TestRun:
    """The published cases of another implementation."""

    @pytest.mark.requirement("A-M4")
    def test_agrees_with_every_published_case(self) -> None:
        if not DATA.exists():
            pytest.skip(f"no reference data at {DATA}")
        cases = json.loads(DATA.read_text())["items"]
        assert len(cases) > 50
        assert merkle.run(cases) == []


class TestCompactRange:
    """Appending."""

    @pytest.mark.parametrize("size", range(len(LEAVES)))
    def test_has_the_root_of_the_definition_at_every_size(self, size: int) -> None:
        tree = merkle.CompactRange()
        for leaf in LEAVES[:size]:
            tree.append(leaf)
        assert tree.root() == plain_root(LEAVES[:size]) == merkle.fold(LEAVES[:size])
        assert merkle.CompactRange.unpack(size, tree.pack()).root() == tree.root()

    def test_refuses_peaks_that_do_not_fit_its_size(self) -> None:
        with pytest.raises(ValueError, match="peaks"):
            merkle.CompactRange(3, [LEAVES[0]])

    @given(st.lists(st.integers(0, 20), max_size=5))
    @settings(max_examples=100, deadline=None)
    def test_is_the_same_whether_extended_or_appended_to(self, counts: list[int]) -> None:
        extended, appended, at = merkle.CompactRange(), merkle.CompactRange(), 0
        for count in counts:
            leaves = (LEAVES * 2)[at : at + count]
            extended.extend(leaves)
            for leaf in leaves:
                appended.append(leaf)
            at += count
            assert (extended.size, extended.peaks) == (appended.size, appended.peaks)


class TestInclusion:
    """One leaf."""

    @given(st.integers(1, 70).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))))
    @settings(max_examples=120, deadline=None)
    def test_verifies_and_no_changed_proof_does(self, place: tuple[int, int]) -> None:
        index, size = place
        root = plain_root(LEAVES[:size])
        proof = merkle.inclusion_proof(node, index, size)
        merkle.verify_inclusion(leaf=LEAVES[index], index=index, size=size, proof=proof, root=root)
        forged = [
            [*proof[:at], hashlib.sha256(item).digest(), *proof[at + 1 :]] for at, item in enumerate(proof)
        ]
        forged += [[*proof, root], [root, *proof], *([proof[:-1]] if proof else [])]
        for wrong in forged:
            with pytest.raises(merkle.ProofInvalid):
                merkle.verify_inclusion(leaf=LEAVES[index], index=index, size=size, proof=wrong, root=root)

    def test_of_an_empty_tree_is_refused(self) -> None:
        for size, index in ((0, 0), (1, 1), (1, -1)):
            with pytest.raises(merkle.ProofInvalid):
                merkle.verify_inclusion(
                    leaf=LEAVES[0], index=index, size=size, proof=[], root=merkle.EMPTY_ROOT
                )
        with pytest.raises(ValueError, match="not in a tree"):
            merkle.inclusion_proof(node, 0, 0)

    def test_with_a_short_hash_is_refused(self) -> None:
        with pytest.raises(merkle.ProofInvalid):
            merkle.verify_inclusion(leaf=LEAVES[0], index=0, size=2, proof=[b""], root=plain_root(LEAVES[:2]))


class TestInclusionPath:
    """The audit path, by the peaks."""

    def test_is_the_audit_path_of_every_leaf_and_asks_within_its_peak_only(self) -> None:
        for size in range(1, 71):
            tree = merkle.CompactRange()
            tree.extend(LEAVES[:size])
            for index in range(size):
                asked: list[int] = []

                def within(level: int, place: int, asked: list[int] = asked, size: int = size) -> bytes:
                    asked.append(level)
                    assert place + 1 << level <= size
                    return node(level, place)

                path = merkle.inclusion_path(within, index, tree)
                assert path == merkle.inclusion_proof(node, index, size)
                assert asked == list(range(len(asked)))

    def test_is_refused_outside_of_the_tree(self) -> None:
        with pytest.raises(ValueError, match="not in a tree"):
            merkle.inclusion_path(node, 3, merkle.CompactRange(1, LEAVES[:1]))


class TestConsistency:
    """Growth."""

    @pytest.mark.parametrize("second", [1, 2, 3, 7, 8, 31, 64, 70])
    def test_verifies_from_every_smaller_tree(self, second: int) -> None:
        new = plain_root(LEAVES[:second])
        for first in range(second + 1):
            old = plain_root(LEAVES[:first])
            proof = merkle.consistency_proof(node, first, second)
            merkle.verify_consistency(
                first=first, second=second, first_root=old, second_root=new, proof=proof
            )
            wrong_roots = [(LEAVES[69], new)] + ([(old, LEAVES[68])] if first else [])
            for wrong_old, wrong_new in wrong_roots:
                with pytest.raises(merkle.ProofInvalid):
                    merkle.verify_consistency(
                        first=first, second=second, first_root=wrong_old, second_root=wrong_new, proof=proof
                    )
            if proof:
                with pytest.raises(merkle.ProofInvalid):
                    merkle.verify_consistency(
                        first=first, second=second, first_root=old, second_root=new, proof=proof[:-1]
                    )

    def test_backwards_is_refused(self) -> None:
        with pytest.raises(ValueError, match="cannot grow"):
            merkle.consistency_proof(node, 3, 2)
        with pytest.raises(merkle.ProofInvalid):
            merkle.verify_consistency(
                first=3, second=2, first_root=LEAVES[0], second_root=LEAVES[1], proof=[]
            )

    def test_of_two_empty_trees_needs_the_empty_root_and_no_proof(self) -> None:
        merkle.verify_consistency(
            first=0, second=0, first_root=merkle.EMPTY_ROOT, second_root=merkle.EMPTY_ROOT, proof=[]
        )
        for roots, proof in (((LEAVES[0], LEAVES[0]), []), ((merkle.EMPTY_ROOT,) * 2, [LEAVES[0]])):
            with pytest.raises(merkle.ProofInvalid):
                merkle.verify_consistency(
                    first=0, second=0, first_root=roots[0], second_root=roots[1], proof=proof
                )
