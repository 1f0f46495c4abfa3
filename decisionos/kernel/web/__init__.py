"""The web doors: problem+json, correlation, limits, probes, and the base class of every API view.

What must stay true: every error is a problem document with a stable code; a database that is down answers
503 within two seconds and heals by itself. Neighbours: every sub-domain's ``api.py``.
"""
