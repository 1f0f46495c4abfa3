"""``python -m decisionos.dosctl``."""

from __future__ import annotations

import sys

from decisionos.dosctl.program import main

if __name__ == "__main__":
    sys.exit(main())
