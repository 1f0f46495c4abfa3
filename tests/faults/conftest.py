"""One installation for all of these tests; its first start is killed in the middle."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.product import Product, until


@pytest.fixture(scope="session")
def installation() -> Iterator[Product]:
    """The product after a first start that was killed between its servers and its tables."""
    with tempfile.TemporaryDirectory(prefix="dos-faults-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        started = Product(Path(name))
        try:
            until(lambda: "PostgreSQL: started" in started.output.read_text(), "the database's first start")
            started.kill()
            started.restart()
            yield started
        finally:
            started.stop()


@pytest.fixture
def product(installation: Product) -> Product:
    """The product, well before each test."""
    until(installation.is_ready, "the product")
    until(installation.decides, "a decision")
    return installation
