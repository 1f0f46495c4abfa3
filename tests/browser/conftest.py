"""The real product, a real browser, and somebody who is signed in.

The product starts once for each worker that needs it; all browser tests are one group, so that is once a run.
A browser lives as long as one file of tests: while Playwright runs, Django refuses to work beside it.
What must stay true: a test that ends without looking still fails when the page reported an error, broke the
content security policy, or got an answer of 500 or worse.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Response,
    expect,
    sync_playwright,
)

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
PICTURES = ROOT / "var" / "screenshots"
AXE = (Path(__file__).parent / "vendor" / "axe" / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
VIOLATIONS = """
  window.__violations = [];
  document.addEventListener('securitypolicyviolation', (event) =>
    window.__violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile ?? ''}`));
"""

# Far above what anything takes: another worker may hold the processor.
expect.set_options(timeout=15_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep every browser test on one worker, so that the product starts once."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("product"))


def _install() -> str:
    """Install Debian's Chromium where that is possible; return why it is not, or an empty text."""
    if CHROMIUM.exists():
        return ""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return f"{CHROMIUM} is missing and can only be installed by root on Debian: apt-get install chromium"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True, "check": False}
    surroundings = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    commands = (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium", "fonts-noto-cjk"],
    )
    for command in commands:
        try:
            done = subprocess.run(command, timeout=420, env=surroundings, **quiet)  # type: ignore[call-overload]
        except subprocess.TimeoutExpired:
            return f"{' '.join(command)} did not end within 420 s"
        if done.returncode:
            return f"{' '.join(command)} failed: {done.stderr.strip().splitlines()[-1:]}"
    return "" if CHROMIUM.exists() else f"{CHROMIUM} is missing although chromium was installed"


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Return the browser, or skip saying in one line why there is none."""
    missing = _install()
    if missing:
        pytest.skip(f"no browser: {missing}")
    return CHROMIUM


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def product(chromium: Path) -> Iterator[dict[str, Any]]:
    """Start the product as a newcomer does and return what its ready file says."""
    folder = Path(tempfile.mkdtemp(prefix="dos-browser-", dir="/tmp"))
    folder.chmod(0o755)
    dropped = {"DATABASE_URL", "REDIS_URL", "DOS_ENV", "DOS_DEBUG", "DOS_DEMO", "DJANGO_SETTINGS_MODULE"}
    surroundings = {name: value for name, value in os.environ.items() if name not in dropped}
    surroundings |= {"DOS_DATA_DIR": str(folder), "DOS_PORT": str(free_port()), "DOS_WEB_WORKERS": "1"}
    with (folder / "run.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run"],
            cwd=ROOT,
            env=surroundings,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    ready, deadline = folder / "run" / "ready.json", time.monotonic() + 120
    try:
        while not ready.exists():
            said = (folder / "run.log").read_text(errors="replace")[-3000:]
            assert process.poll() is None, f"the product did not start:\n{said}"
            assert time.monotonic() < deadline, f"the product was not ready within 120 s:\n{said}"
            time.sleep(0.2)
        yield json.loads(ready.read_text())
    finally:
        # What the product said of a failure outlives its folder.
        shutil.copytree(folder / "logs", ROOT / "var" / "browser-logs", dirs_exist_ok=True)
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """Start a browser for the tests of one file."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=str(chromium), args=ARGUMENTS)
        yield found
        found.close()


_states: dict[str, Any] = {}


def sign_in(page: Page, product: dict[str, Any]) -> None:
    """Sign in through the form, as the demo's administrator."""
    page.goto(f"{product['url']}/login")
    page.get_by_label("E-mail").fill(product["admin"]["email"])
    page.get_by_label("Password").fill(product["admin"]["password"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/login" not in url)


class Watch:
    """What pages complained about; a test that expects a complaint forgets it."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.pages: list[Page] = []

    def on(self, page: Page) -> Page:
        """Listen to a page."""
        page.add_init_script(VIOLATIONS)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"{page.url}: {error}"))
        page.on("response", self._response)
        self.pages.append(page)
        return page

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text} at {message.location.get('url')}")

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self.problems.append(f"{response.status} {response.url}")

    def forget(self) -> None:
        """Expect what was complained about so far."""
        self.problems.clear()

    def collect(self) -> list[str]:
        """Return every complaint, those of the policy included."""
        found = list(self.problems)
        for page in self.pages:
            if not page.is_closed() and page.url.startswith("http"):
                found += [f"policy: {one}" for one in page.evaluate("window.__violations ?? []")]
        return found


@pytest.fixture
def watch() -> Watch:
    """Return the list of complaints."""
    return Watch()


@pytest.fixture
def context(browser: Browser, product: dict[str, Any]) -> Iterator[BrowserContext]:
    """Return a browser context of somebody who is signed in; the form is filled in once a run."""
    if product["url"] not in _states:
        first = browser.new_context()
        sign_in(first.new_page(), product)
        _states[product["url"]] = first.storage_state()
        first.close()
    found = browser.new_context(
        storage_state=_states[product["url"]],
        viewport={"width": 1440, "height": 900},
        base_url=product["url"],
        reduced_motion="reduce",
    )
    found.set_default_timeout(45_000)
    yield found
    found.close()


@pytest.fixture
def signed_in(context: BrowserContext, watch: Watch) -> Iterator[Page]:
    """Return a page of somebody who is signed in; fails where it complained."""
    page = watch.on(context.new_page())
    yield page
    assert watch.collect() == []


@pytest.fixture
def stranger(browser: Browser, product: dict[str, Any], watch: Watch) -> Iterator[Page]:
    """Return a page of somebody who is not signed in; fails where it complained."""
    context = browser.new_context(base_url=product["url"], viewport={"width": 1440, "height": 900})
    context.set_default_timeout(45_000)
    page = watch.on(context.new_page())
    yield page
    found = watch.collect()
    context.close()
    assert found == []


@pytest.fixture
def axe() -> Callable[[Page], list[str]]:
    """Return a function that names every violation of WCAG 2.2 AA on a page."""

    def run(page: Page) -> list[str]:
        page.evaluate(AXE)
        result = page.evaluate(
            "(rules) => axe.run(document, {runOnly: {type: 'tag', values: rules}})",
            RULES,
        )
        return [
            f"{found['id']}: {node['html'][:160]} ({(node.get('failureSummary') or '').splitlines()[-1:]})"
            for found in result["violations"]
            for node in found["nodes"][:4]
        ]

    return run


def ready(page: Page) -> None:
    """Wait until the scripts of a page have started."""
    page.locator("html[data-ready=true]").wait_for(state="attached")


def picture(page: Page, name: str) -> None:
    """Keep a screenshot as an artefact of the run."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
