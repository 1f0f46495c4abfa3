"""The console's shell: registries that each sub-domain fills, the base of every page, lists, the palette.

What must stay true: a page runs as one person in one organization, inside its scope and after its permission
was asked; the kernel knows nobody above it, so whoever answers for people registers itself. Neighbours: each
sub-domain's ``console.py``, ``views.py`` and ``urls.py``.
"""
