"""Who: organizations, identity, access, privacy. Every question of permission is answered here."""
