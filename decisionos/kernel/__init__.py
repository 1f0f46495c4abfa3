"""What every domain stands on: isolation, ledger, keys, events, errors. It imports no domain."""
