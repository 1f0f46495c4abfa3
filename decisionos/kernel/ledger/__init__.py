"""The ledger: what happened, in a form that nobody can change unnoticed.

What must stay true: appending is one INSERT in the caller's transaction and waits for no other writer; a
sealer numbers, chains (SHA-256, prev to curr) and signs afterwards; the application's role may only insert.
Neighbours: every domain appends; ``evidence.ledger`` reads.
"""

from __future__ import annotations

# Tables whose rows no serving role may change or remove; the set-up command takes the rights away.
INSERT_ONLY = ["kernel_ledger_entry", "kernel_ledger_seal", "kernel_ledger_checkpoint", "kernel_ledger_tile"]
