"""Packs: signed directories of contracts and rulesets that a tenant imports and activates.

What must stay true: nothing of a pack is stored unless every file of it is listed, whole and signed by a
trusted publisher; an import is whole or nothing; activating can always be taken back to the version before.
Neighbours: ``policy.rules`` below keeps the rulesets; ``policy.decisions`` above registers how the
contracts of a pack are installed (see ``components``).
"""
