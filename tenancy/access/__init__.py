"""Who may do what: roles, grants, and the one question ``authorize``.

What must stay true: silence denies, deny beats allow, an error denies; roles come from the key or the
person, never from a header. Neighbours: identity below, every domain above.
"""
