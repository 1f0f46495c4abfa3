"""Counts of decisions per hour, kept beside the decisions, so that a page never reads a million rows.

What must stay true: the sums equal the decisions that the sealed chain holds up to ``Progress.seq``, each
counted once; folding may be stopped anywhere and started again; nothing here is a source of truth, and
everything can be made again from the decisions (``folding.rebuild``).
"""
