"""Decisions: contracts, the one pipeline that decides, what was decided, and how good it would have been.

What must stay true: a decision, its ledger entry and its event are written in one transaction or not at all;
nothing is written for an input that the contract refuses; the same input under the same versions gives the
same output hash for ever; the input is kept sealed. Neighbours: ``policy.rules`` evaluates,
``tenancy.access`` and ``tenancy.privacy`` are asked before, everything above learns from the event.
"""
