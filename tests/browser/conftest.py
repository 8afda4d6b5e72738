"""A headless Chromium, and pages for it to open. Run by `make test-browser`; `make test` leaves this folder out."""

import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from builders import make_panel
from sabotage.reports.writing import write_audit
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from sabotage import Panel, analyze, simulate

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip
EVIL = (
    "<script>alert(1)</script>", "=cmd()|' /C calc'!A0", "שלום \u202eabc", "n" * 200, '"><img src=x onerror=alert(1)>',
    "</script><b>", "a'b`${1}", "-1+2",
)  # fmt: skip
HEIGHT = 900


def tool(name: str, variable: str) -> str:
    path = os.environ.get(variable) or shutil.which(name)
    if path is None:
        pytest.exit(f"{name} is not there: install it, or name it by {variable}", returncode=2)
    return path


@pytest.fixture(scope="session")
def chrome(tmp_path_factory):
    options = ChromeOptions()
    options.binary_location = tool("chromium", "CHROMIUM")
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=ChromeService(tool("chromedriver", "CHROMEDRIVER")))
    yield driver
    driver.quit()


class Browser:
    """A page at one width, in one theme, with what it logged and asked for."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, page: Path, width: int = 1440, dark: bool = False, fragment: str = "") -> "Browser":
        driver = self.driver
        driver.get("about:blank")
        size = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        theme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "screen", "features": theme})
        driver.get_log("browser")
        driver.get_log("performance")
        driver.get(f"{page.as_uri()}{fragment}")
        return self

    def js(self, code: str, *arguments):
        return self.driver.execute_script(code, *arguments)

    def logged(self) -> list[str]:
        return [f"{entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")]

    def requested(self) -> list[str]:
        messages = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


@pytest.fixture
def browser(chrome):
    return Browser(chrome)


@pytest.fixture(scope="session")
def shots() -> Path:
    folder = Path(os.environ.get("SCREENSHOTS", "browser-screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def grouped(panel: Panel, names: list[str | None]) -> Panel:
    columns = {**panel.columns, "who": pa.array(names)}
    fields = {name: getattr(panel, name) for name in panel.__dataclass_fields__}
    return Panel(**(fields | {"columns": columns, "group": "who"}))


def report(folder: Path, panel: Panel, **options) -> Path:
    audit = analyze(panel, n_permutations=200, compare=True, attribute=True, **options)
    write_audit(audit, folder)
    return folder / "report.html"


@pytest.fixture(scope="session")
def usual(tmp_path_factory) -> Path:
    """A page with everything on it."""
    panel = simulate("grouped", 1200, seed=4)
    causes = {"by": ["class", "group"], "people": panel.agents, "full": "video", "runs": {"again": panel}}
    return report(tmp_path_factory.mktemp("usual"), panel, dose_response=True, **causes)


@pytest.fixture(scope="session")
def hostile(tmp_path_factory) -> Path:
    """A page on which every name does its worst."""
    panel = make_panel(300, 4, 5, missing=0.1)
    fields = {name: getattr(panel, name) for name in panel.__dataclass_fields__}
    odd = Panel(
        **(fields | {"agents": EVIL[:4], "classes": EVIL[3:8], "ids": pa.array([f"{EVIL[0]}{i}" for i in range(300)])})
    )
    panel = grouped(odd, [EVIL[i % 8] for i in range(300)])
    causes = {"by": ["class", "who"], "people": EVIL[:3], "full": EVIL[0], "runs": {EVIL[4]: odd, EVIL[3]: odd}}
    return report(tmp_path_factory.mktemp("hostile"), panel, **causes)


@pytest.fixture(scope="session")
def large(tmp_path_factory) -> Path:
    """A page of 100 classes and 16 agents."""
    return report(tmp_path_factory.mktemp("large"), make_panel(2000, 16, 100))


@pytest.fixture(scope="session")
def pages(usual, hostile, large) -> dict[str, Path]:
    return {"usual": usual, "hostile": hostile, "large": large}
