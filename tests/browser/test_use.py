"""The page in use: tables sort, filter and copy, numbers open their examples, by mouse and by keyboard."""

import csv
import io
import json

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from sabotage.saying import typeset

CELLS = "return [...arguments[0].tBodies[0].rows].filter(r => !r.hidden).map(r => r.cells[arguments[1]].dataset.v ?? r.cells[arguments[1]].textContent)"
# The clipboard of a test keeps what it is given.
CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async t => { window.copied = t; }}})"


@pytest.fixture
def page(browser, usual):
    return browser.open(usual)


def roles_table(page):
    return page.driver.find_element(By.CSS_SELECTOR, "#roles table")


def heading(page, table, key):
    return table.find_element(By.CSS_SELECTOR, f'th[data-key="{key}"]')


def place_of(page, table, key):
    return page.js("return arguments[0].cellIndex", heading(page, table, key))


def test_every_table_sorts_by_every_column_both_ways(page):
    tables = page.driver.find_elements(By.CSS_SELECTOR, "main table")
    assert len(tables) > 10
    for table in tables:
        heads = page.js("return [...arguments[0].tHead.rows[0].cells]", table)
        for place, head in enumerate(heads):
            before = page.js(CELLS, table, place)
            orders = []
            for _ in range(2):
                page.js("arguments[0].querySelector('button.sort').click()", head)
                direction = head.get_attribute("aria-sort")
                assert direction in ("ascending", "descending")
                after = page.js(CELLS, table, place)
                assert sorted(map(str, after)) == sorted(map(str, before))
                try:
                    numbers = [float(value) for value in after if value not in ("–", "")]
                except ValueError:
                    continue
                assert numbers == sorted(numbers, reverse=direction == "descending"), head.text
                orders.append(direction)
            assert len(set(orders)) in (0, 2)


def test_a_table_sorts_by_keyboard_and_says_so(page):
    table = roles_table(page)
    button = heading(page, table, "saboteur").find_element(By.CSS_SELECTOR, "button.sort")
    page.js("arguments[0].focus()", button)
    button.send_keys(Keys.ENTER)
    assert heading(page, table, "saboteur").get_attribute("aria-sort") == "descending"
    button.send_keys(Keys.SPACE)
    assert heading(page, table, "saboteur").get_attribute("aria-sort") == "ascending"


def test_a_table_filters_and_copies_what_is_shown(page, usual):
    audit = json.loads((usual.parent / "audit.json").read_text())
    agents = audit["input"]["agents"]
    table = roles_table(page)
    page.js(CLIPBOARD)
    tools = page.js("return arguments[0].parentElement.previousElementSibling", table)
    tools.find_element(By.TAG_NAME, "input").send_keys(agents[1])
    assert page.js(CELLS, table, 0) == [agents[1]]
    tools.find_element(By.CSS_SELECTOR, "button.copy").click()
    rows = list(csv.DictReader(io.StringIO(page.js("return window.copied"))))
    assert [row["agent"] for row in rows] == [agents[1]]
    for role, count in audit["agents"][agents[1]]["roles"].items():
        assert int(float(rows[0][role])) == count
    assert page.js("return document.getElementById('status').textContent") == "Copied as csv."


def test_where_there_is_no_clipboard_the_text_is_offered(page):
    page.js("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    table = roles_table(page)
    page.js("arguments[0].parentElement.previousElementSibling.querySelector('button.copy').click()", table)
    area = page.driver.find_element(By.CSS_SELECTOR, "dialog.copying textarea")
    assert area.get_attribute("value").startswith("agent,contributor")
    area.send_keys(Keys.ESCAPE)
    assert page.driver.find_elements(By.CSS_SELECTOR, "dialog.copying") == []


def test_what_is_copied_runs_nowhere(browser, hostile):
    page = browser.open(hostile)
    page.js(CLIPBOARD)
    for button in page.driver.find_elements(By.CSS_SELECTOR, "button.copy"):
        page.js("arguments[0].click()", button)
        rows = list(csv.reader(io.StringIO(page.js("return window.copied"))))
        assert len({len(row) for row in rows}) == 1
        for cell in (cell for row in rows for cell in row if cell):
            try:
                float(cell)
            except ValueError:
                assert cell[0] not in "=+-@\t\r"


def test_a_number_opens_its_examples_and_focus_returns(page, usual):
    cases = json.loads((usual.parent / "cases.json").read_text())
    button = page.driver.find_element(By.CSS_SELECTOR, '#roles button.case[data-key="0:saboteur"]')
    page.js("arguments[0].scrollIntoView(); arguments[0].focus()", button)
    button.send_keys(Keys.ENTER)
    dialog = page.driver.find_element(By.ID, "cases-dialog")
    assert page.js("return arguments[0].open", dialog)
    cell = cases["cells"]["0:saboteur"]
    shown = dialog.find_elements(By.CSS_SELECTOR, "#cases-dialog-list article, #cases-dialog-list > *")
    assert len(shown) >= len(cell["listed"])
    text = dialog.text
    assert f"{cell['n']:,}" in text
    first = cases["examples"][cell["listed"][0]]
    assert first["id"] in text
    assert cases["classes"][first["truth"]] in text
    assert page.js("return document.activeElement.closest('dialog') !== null")
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not page.js("return arguments[0].open", dialog)
    assert page.driver.switch_to.active_element == button


def test_every_number_with_examples_opens_as_many_as_it_says(page, usual):
    cases = json.loads((usual.parent / "cases.json").read_text())
    keys = page.js("return [...document.querySelectorAll('button.case')].map(b => [b.dataset.key, b.textContent])")
    assert len(keys) > 20
    for key, text in keys:
        assert int(text.replace(",", "")) == cases["cells"][key]["n"], key


def test_an_address_leads_to_the_examples(browser, usual):
    page = browser.open(usual, fragment="#case=*:wrong")
    assert page.js("return document.getElementById('cases-dialog').open")
    page = browser.open(usual, fragment="#case=no:such")
    assert not page.js("return document.getElementById('cases-dialog').open")
    assert page.logged() == []


def test_focus_is_seen(page):
    seen = page.js(
        "return [...document.querySelectorAll('a[href], button, input, summary, [tabindex=\"0\"]')]"
        ".filter(e => e.checkVisibility()).slice(0, 200).filter(e => { e.focus({focusVisible: true});"
        " const s = getComputedStyle(e); return s.outlineStyle === 'none' || parseFloat(s.outlineWidth) < 1.5; })"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert seen == []


def test_arrows_lead_to_what_hovers_over_numbers(page):
    table = page.driver.find_element(By.CSS_SELECTOR, "#profiles table")
    stops = page.js("return arguments[0].querySelectorAll('tbody [tabindex=\"0\"]').length", table)
    assert stops == 1
    page.js("arguments[0].querySelector('tbody [tabindex=\"0\"]').focus()", table)
    seen = []
    for _ in range(3):
        seen.append(page.driver.find_element(By.ID, "tip").text)
        page.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert all(seen)
    assert page.js("return document.activeElement.getAttribute('aria-describedby')") == "tip"
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    assert page.js("return document.activeElement.closest('tr').rowIndex") == 2


def test_tables_use_the_width_of_a_page(page):
    wide = "return [...document.querySelectorAll('div.table .scroll')].filter(s => s.scrollWidth > s.clientWidth + 1).map(s => s.firstChild.id)"
    assert page.js(wide) == []


def test_headings_lead_to_their_definitions(page):
    targets = page.js("return [...document.querySelectorAll('a[href^=\"#def-\"]')].map(a => a.hash)")
    assert len(targets) > 30
    assert all(
        page.js("return document.getElementById(arguments[0].slice(1)) !== null", target) for target in set(targets)
    )


def test_the_page_says_all_without_scripts(browser, usual):
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(usual)
        text = browser.driver.find_element(By.TAG_NAME, "main").text
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    audit = json.loads((usual.parent / "audit.json").read_text())
    for sentence in audit["finding"]:
        assert " ".join(typeset(sentence).split()) in " ".join(text.split())
    for name, agent in audit["agents"].items():
        assert name in text
        assert f"{agent['roles']['saboteur']:,}" in text
