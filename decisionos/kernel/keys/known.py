"""The public keys of one purpose, as a process remembers them.

What must stay true: a signature made a moment after a rotation verifies at once, since an id that is not
remembered makes the process look again; made-up ids cannot make it look more than a few times a second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from decisionos.kernel.keys import services
from decisionos.kernel.keys.services import PublicKey


class KnownKeys:
    """A memory of public keys; safe to share between threads."""

    def __init__(
        self,
        purpose: str,
        *,
        remembered_seconds: float = 3.0,
        looks_a_second: float = 5.0,
        most_looks_at_once: int = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.purpose = purpose
        self.remembered_seconds = remembered_seconds
        self.looks_a_second = looks_a_second
        self.most_looks_at_once = most_looks_at_once
        self._clock = clock
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Drop what is remembered."""
        with self._lock:
            self._keys: dict[str, PublicKey] = {}
            self._read_at = float("-inf")
            self._looks = float(self.most_looks_at_once)
            self._counted_at = self._clock()

    def find(self, kid: str) -> PublicKey | None:
        """Return the key of an id, retired ones included, or None where this purpose has none."""
        moment = self._clock()
        if moment - self._read_at > self.remembered_seconds or (
            kid not in self._keys and self._may_look(moment)
        ):
            self._read(moment)
        return self._keys.get(kid)

    def _may_look(self, moment: float) -> bool:
        """Take one of the looks for unknown ids, of which a few come back every second."""
        with self._lock:
            grown = self._looks + (moment - self._counted_at) * self.looks_a_second
            self._looks, self._counted_at = min(grown, float(self.most_looks_at_once)), moment
            if self._looks < 1:
                return False
            self._looks -= 1
            return True

    def _read(self, moment: float) -> None:
        self._keys = {key.kid: key for key in services.public_keys(self.purpose)}
        self._read_at = moment
