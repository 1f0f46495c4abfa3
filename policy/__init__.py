"""Policy: the domain that decides. Rules, packs, decisions; it calls billing and tenancy, never cases."""
