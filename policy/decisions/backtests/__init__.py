"""Offline evaluation: what a contract would have decided over many rows, and how well.

What must stay true: the columnar engine and the row engine decide every row alike; where the columnar one
cannot express a rule, the whole run falls back to the row engine and says so. Nothing is stored except the
report. Neighbours: ``policy.rules`` compiles; ``policy.decisions.contracts`` names what to run.
"""
