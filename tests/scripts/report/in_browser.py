"""Chromium, and a page of scripts/report in it. The tests are skipped without Chromium or python3-selenium."""


import csv
import io
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from made_records import everything

try:
    import numpy  # noqa: F401
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: F401  for the tests
except ImportError as error:
    print(f"skipped: {error} (apt-get install python3-numpy python3-selenium)")
    sys.exit(77)

from connbench_tools.report import build

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not CHROMIUM or not DRIVER:
    print("skipped: chromium or chromedriver is not installed (scripts/setup --dev installs them)")
    sys.exit(77)
PATIENCE = 60  # seconds, for a busy machine

# The number of pixels in a chart that are neither empty nor grey. Axes and text are grey.
COLOURED = """
const canvas = document.querySelector(`[data-chart="${arguments[0]}"] canvas`);
if (!canvas) return -1;
const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
let count = 0;
for (let i = 0; i < data.length; i += 4) {
  const [red, green, blue, alpha] = data.slice(i, i + 4);
  if (alpha > 128 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60) count++;
}
return count;
"""

# Calls back with what the button that is given would save.
SAVED = """
const [button, back] = arguments;
const click = HTMLAnchorElement.prototype.click, make = URL.createObjectURL;
HTMLAnchorElement.prototype.click = () => {};
URL.createObjectURL = (blob) => { blob.text().then(back); return make(blob); };
button.click();
HTMLAnchorElement.prototype.click = click;
URL.createObjectURL = make;
"""


def chromium(profile):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (
        "--headless=new",
        f"--user-data-dir={profile}",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--hide-scrollbars",
    ):
        options.add_argument(flag)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium cannot use its sandbox as root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(DRIVER))


class BrowserTest(unittest.TestCase):
    """Opens the page of `records()`, without network."""

    records = staticmethod(everything)

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        (cls.path,) = build.build([cls.records().write(cls.folder / "run")])
        cls.browser = chromium(cls.folder / "profile")
        cls.addClassCleanup(cls.browser.quit)
        cls.browser.execute_cdp_cmd("Network.enable", {})
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        cls.browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
        cls.browser.execute_cdp_cmd(
            "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(cls.folder)}
        )

    def setUp(self):
        self.width(1440)

    def tearDown(self):
        self.assertEqual(self.browser.get_log("browser"), [], "the console is not empty")

    def width(self, pixels, height=900):
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": pixels, "height": height, "deviceScaleFactor": 1, "mobile": pixels < 700},
        )

    def open(self, fragment="", path=None):
        self.browser.get("about:blank")  # else only the fragment would change
        self.browser.get(f"file://{path or self.path}{'#' * bool(fragment)}{fragment}")
        self.until_drawn()

    def js(self, code, *arguments):
        return self.browser.execute_script(code, *arguments)

    def until(self, condition, what):
        WebDriverWait(self.browser, PATIENCE, 0.05).until(lambda _: condition(), what)

    def until_drawn(self):
        self.until(
            lambda: self.js("return document.documentElement.dataset.drawn") == "all", "not all charts were drawn"
        )

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def fragment(self):
        return self.js("return location.hash.slice(1)")

    def column(self, head):
        return self.js(
            """
            const heads = [...document.querySelectorAll("#table thead th")];
            const i = heads.findIndex((head) => head.dataset.key === arguments[0]);
            return [...document.querySelectorAll("#table tbody tr")].map((row) => row.cells[i].dataset.v);""",
            head,
        )

    def press(self, element):
        self.js("arguments[0].click()", element)

    def switch(self, name):
        self.press(
            next(
                label
                for label in self.browser.find_elements(By.CSS_SELECTOR, ".chips label")
                if label.get_attribute("textContent") == name
            ).find_element(By.TAG_NAME, "input")
        )

    def saved(self, button, name):
        """The rows of the CSV file that a button saves."""
        path = self.folder / name
        path.unlink(missing_ok=True)
        self.press(self.find(button))
        self.until(lambda: path.exists() and path.read_bytes().endswith(b"\r\n"), "no whole file came")
        with open(path, newline="", encoding="utf-8") as file:
            return list(csv.reader(file))

    def saved_in_memory(self, button):
        """The same without a download: what the page would save."""
        text = self.browser.execute_async_script(SAVED, self.find(button))
        return list(csv.reader(io.StringIO(text, newline="")))
