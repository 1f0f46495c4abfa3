"""The web server's threads send their tasks to the product's own broker."""

from __future__ import annotations

import threading

import celery


class TestApp:
    def test_is_the_one_that_every_thread_sends_by(self) -> None:
        found: list[str] = []
        thread = threading.Thread(target=lambda: found.append(str(celery.current_app.main)))
        thread.start()
        thread.join()
        assert found == ["decisionos"]
