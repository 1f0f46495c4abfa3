"""People and keys: who somebody is, proven by a password, a key or a token.

What must stay true: a secret is shown once and kept as a hash; an expired or revoked key opens nothing
within five seconds; finding a key needs no tenant, using it needs the key's own.
"""
