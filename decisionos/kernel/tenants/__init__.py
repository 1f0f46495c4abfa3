"""Tenant isolation: who may see a row is decided by PostgreSQL, not by a queryset.

What must stay true: every table of a tenant has forced row-level security; with no tenant set, no row is
seen and none can be written; the scope lasts one transaction. Neighbours: everything.
"""
