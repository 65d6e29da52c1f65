"""What the tests of pages share: a headless Chromium with one open page, and scripts that look at the page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None or find_spec("selenium") is None,
    reason="no Chromium here: apt-get install chromium chromium-driver; or no selenium",
)

EVIL = "<script>document.title = 'obeyed'</script>"
QUIET = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
]


class Page:
    """A browser with one open page."""

    def __init__(self, driver: Any):
        self.driver = driver

    def open(self, url: str, width: int = 1200, scheme: str = "light", motion: str = "reduce") -> None:
        """Open a page with a width, a colour scheme, and "no-preference" or "reduce" for motion."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.prefer(scheme, motion)
        self.driver.get(url)

    def prefer(self, scheme: str, motion: str = "reduce") -> None:
        media = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
        features = [{"name": name, "value": value} for name, value in media.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def js(self, script: str) -> Any:
        return self.driver.execute_script(f"return {script}")

    def wait(self, script: str) -> Any:
        """Wait until an expression is true."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, 30, 0.05).until(lambda _: self.js(script), f"never true: {script}")

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        return self.find(selector).text

    def press(self, *keys: str) -> None:
        """Send keys to the element that has the focus."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def complaints(self) -> list[str]:
        """Return the messages on the console since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]


@contextmanager
def open_browser(profile: Path, downloads: Path) -> Iterator[Page]:
    """Start a browser with an empty profile, which saves files to the folder `downloads`; end it afterwards."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    assert CHROMIUM is not None
    options.binary_location = CHROMIUM
    for argument in (*QUIET, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)})
    try:
        yield Page(driver)
    finally:
        driver.quit()


WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"  # innerWidth grows on a phone
FOCUS = "document.activeElement.id || document.activeElement.textContent"

RING = """(() => { // what scrolls would cut the outline of what is in it
  const picture = document.activeElement;
  return [picture, picture.parentElement].map((each) => getComputedStyle(each).outlineStyle);
})()"""


def violations(page: Page) -> list[str]:
    """Return what axe-core finds: names and roles of controls, landmarks, headings, tables. `CONTRASTS` is for colours.

    This version of axe cannot read the colours that `color-mix` gives.
    """
    script = next(Path(str(find_spec("axe_core_python").submodule_search_locations[0])).glob("axe.min.js"))
    page.driver.execute_script(script.read_text("utf-8"))
    page.driver.set_script_timeout(120)
    found = page.driver.execute_async_script(
        "const done = arguments[0], rules = { 'color-contrast': { enabled: false } };"
        "axe.run({ rules, resultTypes: ['violations'] })"
        ".then((r) => done(r.violations), (e) => done([{ id: String(e), nodes: [] }]));"
    )
    return [f"{each['id']}: {[node['html'][:200] for node in each['nodes'][:5]]}" for each in found]


UNNAMED = """[...document.querySelectorAll("table")].filter((table) => !table.caption?.textContent
  || [...table.querySelectorAll("th")].some((th) => !th.scope || !th.textContent)).map((table) => table.outerHTML)"""

SKIPPED = """(() => { // headings that skip a level; the first is an h1
  const levels = [...document.querySelectorAll('h1, h2, h3, h4')].filter((each) => each.checkVisibility());
  return levels.filter((each, i) => Number(each.localName[1]) > 1 + Number(i ? levels[i - 1].localName[1] : 0))
    .map((each) => each.outerHTML.slice(0, 80));
})()"""

SMALL = """[...document.querySelectorAll("body *")].filter((each) => each.checkVisibility()
  && [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())
  && !each.closest(".unseen, script, style, option, :is(msub, msup) > :nth-child(2)")
  && parseFloat(getComputedStyle(each).fontSize) < 14)
  .map((each) => each.outerHTML.slice(0, 80))"""

CONTRASTS = """(() => { // of each text with what is behind it (WCAG 2.2, 1.4.3)
  const made = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const canvas = made.getContext("2d", { willReadFrequently: true });
  const over = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) =>
    (element ? [...behind(element.parentElement), getComputedStyle(element).backgroundColor] : ["white"]);
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.getClientRects().length || ["SCRIPT", "STYLE", "title"].includes(element.tagName)) continue;
    const style = getComputedStyle(element), isDrawn = element.tagName === "text";
    const rect = element.closest(".network .box")?.querySelector(":scope > rect");
    const layers = [...behind(isDrawn ? document.body : element), ...(rect ? [getComputedStyle(rect).fill] : [])];
    const [a, b] = [light(over([...layers, isDrawn ? style.fill : style.color])), light(over(layers))];
    const name = `${element.tagName} ${element.getAttribute("class")} ${element.textContent.slice(0, 30)}`;
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), name]);
  }
  return found;
})()"""
