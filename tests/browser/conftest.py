"""Real Chromium on the real shop. ``DOORSTEP_TEST_EDGE_URL`` names a shop that is running; else one is started."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserType, Page, sync_playwright

from tests.browser.watch import Watch
from tests.processes import ROOT, Process, free_port

CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
STARTS_WITHIN_S = 300
"""The first start trains a model."""


@pytest.fixture(scope="package")
def shop_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running shop, with its final slash."""
    given = os.environ.get("DOORSTEP_TEST_EDGE_URL")
    if given:
        yield given.rstrip("/") + "/"
        return
    home = tmp_path_factory.mktemp("doorstep")
    edge, origin = free_port(), free_port()
    env = {"DOORSTEP_HOME": str(home), "DOORSTEP_EDGE_PORT": str(edge), "DOORSTEP_ORIGIN_PORT": str(origin)}
    url = f"http://127.0.0.1:{edge}/"
    command = [sys.executable, "-m", "origin.cli", "up"]
    process = Process(command, env=env, log=home / "up.log")
    try:
        process.wait_for(f"{url}v1/recommend?n=1", seconds=STARTS_WITHIN_S)
        yield url
    finally:
        process.stop()


@pytest.fixture(scope="package")
def chromium_path() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    if os.environ.get("CI"):
        pytest.fail("Chromium is not installed")
    pytest.skip("Chromium is not installed")


@pytest.fixture(scope="package")
def chromium() -> Iterator[BrowserType]:
    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="package")
def browser(chromium: BrowserType, chromium_path: str) -> Iterator[Browser]:
    browser = chromium.launch(executable_path=chromium_path, args=CHROMIUM_ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture
def page(browser: Browser, shop_url: str) -> Iterator[Page]:
    """A page of a new visitor whose clock the test can move; it is not open yet."""
    context = browser.new_context(base_url=shop_url, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.clock.install()
    yield page
    context.close()


@pytest.fixture
def watch(page: Page, shop_url: str) -> Iterator[Watch]:
    """What the page does behind its face. Fails the test for errors it does not expect and for foreign requests."""
    watch = Watch(page, shop_url)
    yield watch
    assert watch.errors() == []
    assert watch.foreign == []


@pytest.fixture(scope="package")
def out() -> Path:
    folder = ROOT / "tests" / "out"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
