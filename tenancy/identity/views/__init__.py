"""Pages of a person's own: signing in and out, the second factor, passwords, the account."""
