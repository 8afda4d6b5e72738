"""The page in a browser: quiet, alone, in order, and usable by hand, by keyboard and by ear."""

import base64
import re
from itertools import pairwise

import pytest

PAGES = ("usual", "hostile", "large")
# What is read: elements with text of their own that are drawn, their colour, and the first opaque colour behind them.
CONTRAST = """
const rgb = c => { const m = c.match(/[\\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
const found = [];
for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    if (['SCRIPT', 'STYLE', 'TITLE'].includes(element.tagName.toUpperCase())) continue;
    const style = getComputedStyle(element);
    const isDrawn = element.closest('svg') !== null;
    let layers = [], at = element;
    for (; at; at = at.parentElement) {
        const colour = rgb(getComputedStyle(at).backgroundColor);
        if (colour[3] > 0) layers.push(colour);
        if (colour[3] === 1) break;
    }
    let back = [255, 255, 255, 1];
    for (const layer of layers.reverse()) back = over(layer, back);
    const front = over(rgb(isDrawn ? style.fill : style.color), back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) found.push(`${element.tagName} ${ratio.toFixed(2)}: ${element.textContent.trim().slice(0, 40)}`);
}
return found;
"""


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_quiet_and_asks_for_nothing(browser, pages, name):
    browser.open(pages[name])
    assert browser.logged() == []
    assert {url.partition(":")[0] for url in browser.requested()} <= {"file", "data"}
    assert sum(url.startswith("file:") for url in browser.requested()) <= 1
    assert pages[name].stat().st_size < 3_000_000


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [375, 1440])
def test_nothing_is_wider_than_the_window(browser, pages, name, width):
    browser.open(pages[name], width)
    assert browser.js("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_what_is_behind_it(browser, pages, name, dark):
    browser.open(pages[name], dark=dark)
    assert browser.js(CONTRAST) == []


@pytest.mark.parametrize("dark", [False, True])
def test_the_theme_is_that_of_the_reader(browser, usual, dark):
    browser.open(usual, dark=dark)
    shade = browser.js("return getComputedStyle(document.body).backgroundColor")
    levels = [int(level) for level in re.findall(r"\d+", shade)[:3]]
    assert (max(levels) < 60) if dark else (min(levels) > 200)


@pytest.mark.parametrize("name", PAGES)
def test_a_screen_reader_finds_its_way(browser, pages, name):
    browser.open(pages[name])
    assert browser.js("return document.documentElement.lang") == "en"
    for landmark in ("header", "nav", "main", "footer"):
        assert browser.js("return document.querySelectorAll(`body > ${arguments[0]}`).length", landmark) == 1, landmark
    levels = browser.js("return [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    captions = browser.js(
        "return [...document.querySelectorAll('table')].map(t => t.caption ? t.caption.textContent.trim() : '')"
    )
    assert captions
    assert all(captions)
    named = browser.js(
        "return [...document.querySelectorAll('svg')].map(s => s.getAttribute('aria-label') || s.getAttribute('aria-labelledby')"
        " || s.getAttribute('aria-hidden') || s.closest('[role=img][aria-label]') !== null)"
    )
    assert all(named)
    bare = browser.js(
        "return [...document.querySelectorAll('button, a[href], input, [tabindex=\"0\"]')].filter(e => !(e.textContent.trim()"
        " || e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || (e.labels && e.labels.length)))"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert bare == []
    heads = browser.js(
        "return [...document.querySelectorAll('th')].every(th => th.scope === 'col' || th.scope === 'row')"
    )
    assert heads


def test_hostile_names_run_nothing(browser, hostile):
    browser.open(hostile)
    assert browser.js("return document.querySelectorAll('main img, main b > b').length") == 0
    assert "<script>alert(1)</script>" in browser.js("return document.querySelector('main').textContent")
    assert browser.js(
        "return [...document.querySelectorAll('*')].every(e => ![...e.attributes].some(a => /^on/i.test(a.name)))"
    )


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [375, 1440])
@pytest.mark.parametrize("dark", [False, True])
def test_screenshots_are_kept(browser, pages, shots, name, width, dark):
    browser.open(pages[name], width, dark)
    height = browser.js("return document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": width, "height": min(height, 16_000), "scale": 1}
    options = {"format": "png", "captureBeyondViewport": True, "clip": clip}
    picture = base64.b64decode(browser.driver.execute_cdp_cmd("Page.captureScreenshot", options)["data"])
    target = shots / f"{name}-{width}-{'dark' if dark else 'light'}.png"
    target.write_bytes(picture)
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000
