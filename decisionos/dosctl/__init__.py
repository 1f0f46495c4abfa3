"""``dosctl``, the command line of DecisionOS.

What must stay true: it starts without Django and without a database, so that it is quick and runs on a
machine that has only this package and a key. What a command needs beyond HTTP is imported when that command
runs. Tables are for people, ``--json`` is for programs; both say the same.

Exit codes: 0 done, 2 refused by policy, 3 no permission, 4 bad input, 5 infrastructure.
"""

from __future__ import annotations

from decisionos.dosctl.program import main

__all__ = ["main"]
