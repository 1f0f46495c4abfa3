"""Pages of access: keys and tokens, members and roles."""
