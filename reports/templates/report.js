"use strict";
// Sorting, filtering, copying, tips and the examples behind numbers. Without it the page still says everything.
(() => {
  const make = (tag, text, name) => {
    const element = document.createElement(tag);
    if (text !== undefined && text !== null) element.textContent = text;
    if (name) element.className = name;
    return element;
  };
  const isolated = (text) => make("bdi", text);
  const status = document.getElementById("status");
  let fading = 0;
  const announce = (text) => {
    status.textContent = text;
    clearTimeout(fading);
    fading = setTimeout(() => { status.textContent = ""; }, 4000);
  };

  // ---- what a cell holds
  const textOf = (cell) => {
    const copy = cell.cloneNode(true);
    copy.querySelectorAll("small").forEach((small) => small.remove());
    return copy.textContent.trim();
  };
  const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
  const valueOf = (cell) => {
    if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
    const text = textOf(cell);
    if (text === "–" || text === "") return null;
    const plain = text.replace(/(?<=\d),(?=\d{3}(\D|$))/g, "");
    return isNumber.test(plain) && !cell.classList.contains("name") ? Number(plain) : text;
  };

  // ---- sorting: what has no value comes last, equal rows keep their order
  const sort = (table, place, heading) => {
    const isUp = heading.getAttribute("aria-sort") === "ascending";
    const names = heading.classList.contains("name");
    const falls = heading.hasAttribute("aria-sort") && heading.getAttribute("aria-sort") !== "none" ? isUp : !names;
    table.querySelectorAll("thead th").forEach((other) => other.setAttribute("aria-sort", "none"));
    heading.setAttribute("aria-sort", falls ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row, at) => [valueOf(row.cells[place]), at, row]);
    const sign = falls ? -1 : 1;
    rows.sort(([a, i], [b, j]) => {
      if (a === null || b === null) return (a === null) - (b === null) || i - j;
      if (typeof a === "number" && typeof b === "number") return sign * (a - b) || i - j;
      return sign * String(a).localeCompare(String(b), undefined, { numeric: true }) || i - j;
    });
    body.append(...rows.map((row) => row[2]));
  };

  // ---- copying: full precision, and nothing that a spreadsheet would run
  const starts = ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"];
  const field = (value) => {
    if (value === null || value === undefined) return "";
    if (typeof value === "number") return String(value);
    const safe = starts.some((start) => value.startsWith(start)) && !isNumber.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const toCsv = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    const rows = [...table.tBodies[0].rows].filter((row) => !row.hidden);
    const spans = heads.map((_, k) => rows.some((row) => row.cells[k].dataset.lo !== undefined));
    const line = heads.flatMap((head, k) => {
      const key = head.dataset.key.startsWith("agent_") ? head.querySelector("bdi").textContent : head.dataset.key;
      return spans[k] ? [key, `${key}_low`, `${key}_high`] : [key];
    });
    const body = rows.map((row) => [...row.cells].flatMap((cell, k) => {
      const ends = [cell.dataset.lo, cell.dataset.hi].map((end) => (end === undefined ? null : Number(end)));
      return spans[k] ? [valueOf(cell), ...ends] : [valueOf(cell)];
    }));
    return [line, ...body].map((cells) => cells.map(field).join(",")).join("\n") + "\n";
  };
  const offer = (text) => {
    const dialog = make("dialog", null, "copying");
    const area = make("textarea", text);
    area.readOnly = true;
    area.setAttribute("aria-label", "csv of the table");
    const form = make("form");
    form.method = "dialog";
    form.append(make("h2", "Copy this with Ctrl+C or ⌘C"), make("button", "Close"));
    dialog.append(form, area);
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
    area.select();
  };
  const copy = async (table) => {
    const text = toCsv(table);
    try {
      await navigator.clipboard.writeText(text);
      announce("Copied as csv.");
    } catch {
      offer(text);
    }
  };

  // ---- tables
  const dress = (table) => {
    const box = table.parentElement;
    [...table.tHead.rows[0].cells].forEach((heading, place) => {
      const link = heading.querySelector("a");
      const button = make("button", null, "sort");
      button.type = "button";
      button.append(...(link ? [...link.childNodes] : [...heading.childNodes]));
      button.addEventListener("click", () => sort(table, place, heading));
      heading.setAttribute("aria-sort", "none");
      if (link) {
        link.className = "about";
        link.textContent = "?";
        heading.title = link.title;
        link.removeAttribute("title");
        link.setAttribute("aria-label", `Definition of ${button.textContent}`);
        const both = make("span", null, "heading");
        both.append(button, link);
        heading.replaceChildren(both);
      } else {
        heading.replaceChildren(button);
      }
    });
    const tools = make("div", null, "tools");
    const filter = make("input");
    filter.type = "search";
    filter.placeholder = "filter rows";
    filter.setAttribute("aria-label", "Filter the rows of this table");
    const shown = make("span");
    filter.addEventListener("input", () => {
      const wanted = filter.value.trim().toLowerCase();
      let count = 0;
      for (const row of table.tBodies[0].rows) {
        row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
        count += !row.hidden;
      }
      shown.textContent = wanted === "" ? "" : `${count} of ${table.tBodies[0].rows.length} rows`;
    });
    const button = make("button", "copy as csv", "copy");
    button.type = "button";
    button.addEventListener("click", () => copy(table));
    tools.append(filter, button, shown);
    box.before(tools);
    light(table);
  };
  const light = (table) => {
    table.parentElement.classList.toggle("tall", table.tBodies[0].rows.length > 40);
    const first = table.querySelector("tbody :is(th, td)[title]");
    if (first && !first.dataset.case) first.tabIndex = 0;
    table.querySelectorAll("[data-case]").forEach((cell) => {
      if (!cases || !(cell.dataset.case in cases.cells) || cell.querySelector("button.case")) return;
      const button = make("button", null, "case");
      button.type = "button";
      button.append(cell.firstChild);
      button.dataset.key = cell.dataset.case;
      button.setAttribute("aria-label", `${button.textContent}: ${cell.title || "count"}; show these examples`);
      cell.prepend(button);
    });
  };
  const unpack = (data) => {
    const table = document.getElementById(data.dataset.table);
    const kinds = [...table.tHead.rows[0].cells].map((head) => head.classList.contains("name"));
    const rows = JSON.parse(data.textContent).map((cells) => {
      const row = make("tr");
      cells.forEach((packed, k) => {
        const [text, beside, value, low, high, tip, key] = Array.isArray(packed) ? packed : [packed];
        const kind = kinds[k] ? (text.length > 24 ? "name" : "name short") : "";
        const cell = make(k === 0 && kinds[k] ? "th" : "td", null, kind);
        cell.append(kinds[k] ? isolated(text) : document.createTextNode(text.replace(" %", "\u00a0%")));
        if (cell.tagName === "TH") cell.scope = "row";
        if (beside) cell.append(make("small", beside));
        if (value !== undefined && value !== null) cell.dataset.v = value;
        if (low !== undefined && low !== null) { cell.dataset.lo = low; cell.dataset.hi = high; }
        if (tip) cell.title = tip;
        if (key) cell.dataset.case = key;
        row.append(cell);
      });
      return row;
    });
    table.tBodies[0].replaceChildren(...rows);
    light(table);
  };

  // ---- the examples behind a number
  const held = document.getElementById("cases-data");
  const cases = held ? JSON.parse(held.textContent) : null;
  const dialog = document.getElementById("cases-dialog");
  const flags = { potential_saboteur: "potential saboteur", pivotal_saboteur: "pivotal saboteur", pivotal_contributor: "pivotal contributor", wrong: "wrong decision" };
  const label = (index) => (index === null ? "none" : cases.classes[index]);
  const number = (value) => (value === null || value === undefined ? "–" : value.toFixed(3).replace("-", "−"));
  const order = cases && cases.order ? `, ${cases.order}` : "";
  const headline = (key) => {
    const [agent, role, kind, ...rest] = key.split(":");
    const where = kind === "class" ? `, class ${label(Number(rest[0]))}` : kind === "group" ? `, group ${rest.join(":")}` : "";
    return `${agent === "*" ? "Any agent" : cases.agents[Number(agent)]}: ${flags[role] || role}${where}`;
  };
  const linkOf = (media) => {
    let target;
    try { target = new URL(media, document.baseURI); } catch { return isolated(media); }
    const isRelative = !/^[a-z][a-z0-9+.-]*:/i.test(media.trim());
    if (!isRelative && !["http:", "https:"].includes(target.protocol)) return isolated(media);
    const link = make("a");
    link.append(isolated(media));
    link.href = media.trim();
    link.rel = "noopener noreferrer";
    return link;
  };
  const facts = (example) => {
    const line = make("p", null, "soft");
    const add = (name, value) => line.append(`${line.childNodes.length ? "; " : ""}${name} `, value);
    add("truth", isolated(label(example.truth)));
    add("decision", isolated(label(example.decision)));
    if (example.group !== null) add("group", isolated(example.group));
    if (example.media) add("media", linkOf(example.media));
    return line;
  };
  const emissions = (example) => {
    const table = make("table");
    const caption = table.createCaption();
    caption.className = "unseen";
    caption.textContent = "What each agent said";
    const head = table.createTHead().insertRow();
    for (const name of ["agent", "label", "confidence", "self-assessment", "role", "pivotal"]) {
      const heading = make("th", name, ["agent", "label", "role", "pivotal"].includes(name) ? "name" : "");
      heading.scope = "col";
      head.append(heading);
    }
    const body = table.createTBody();
    example.agents.forEach(([said, confidence, reliability, role, pivotal], m) => {
      const row = body.insertRow();
      const name = make("th", null, "name");
      name.scope = "row";
      name.append(isolated(cases.agents[m]));
      const what = make("td", null, said === example.truth ? "name right" : "name");
      const short = (cell) => { if (cell.textContent.length <= 24) cell.classList.add("short"); return cell; };
      what.append(isolated(said === null ? "nothing" : label(said)));
      const turns = pivotal === null ? "not known" : pivotal ? "yes" : "no";
      row.append(
        short(name), short(what), make("td", number(confidence)), make("td", number(reliability)),
        make("td", cases.roles[role], "name short"), make("td", turns, "name short"),
      );
    });
    const box = make("div", null, "scroll");
    box.append(table);
    return box;
  };
  const ranking = (example) => {
    const line = make("p", null, "soft");
    if (example.ranking) {
      line.append("fused: ");
      example.ranking.forEach(([index, score], k) => line.append(k ? ", " : "", isolated(label(index)), ` ${number(score)}`));
    }
    return line;
  };
  let opener = null;
  const open = (key, from) => {
    if (!cases || !(key in cases.cells)) return;
    const cell = cases.cells[key];
    opener = from || null;
    document.getElementById("cases-dialog-title").replaceChildren(isolated(headline(key)));
    document.getElementById("cases-dialog-about").textContent =
      `${cell.listed.length.toLocaleString("en")} of ${cell.n.toLocaleString("en")} shown${order}; all are in roles.parquet.`;
    document.getElementById("cases-dialog-list").replaceChildren(...cell.listed.map((index) => {
      const example = cases.examples[index];
      const article = make("article");
      const heading = make("h3");
      heading.append(isolated(example.id));
      article.append(heading, facts(example), emissions(example), ranking(example));
      return article;
    }));
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    remember(`#case=${encodeURIComponent(key)}`);
  };
  const remember = (hash) => {
    try { history.replaceState(null, "", hash || location.pathname + location.search); } catch { /* a sandbox */ }
  };
  const follow = () => {
    if (!location.hash.startsWith("#case=")) return;
    let key = location.hash.slice(6);
    try { key = decodeURIComponent(key); } catch { /* as it is */ }
    const from = [...document.querySelectorAll("button.case")].find((button) => button.dataset.key === key);
    open(key, from);
  };

  // ---- tips: what hovers over a number stays where a finger taps it
  const tip = make("div", null, "tip");
  tip.setAttribute("role", "tooltip");
  tip.id = "tip";
  tip.hidden = true;
  const explain = (element) => {
    if (element.title) { element.dataset.tip = element.title; element.removeAttribute("title"); }
    if (!element.dataset.tip) return;
    tip.textContent = element.dataset.tip;
    tip.hidden = false;
    element.setAttribute("aria-describedby", tip.id);
    const place = element.getBoundingClientRect();
    const left = Math.min(place.left, document.documentElement.clientWidth - tip.offsetWidth - 8);
    tip.style.left = `${Math.max(8, left) + scrollX}px`;
    tip.style.top = `${place.bottom + 4 + scrollY}px`;
  };
  // One stop of the tab key in each table; from there the arrows go to every cell that says more.
  const saying = "[data-tip], [title], button.case";
  const step = (event) => {
    const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const cell = by && event.target instanceof Element && event.target.closest("main tbody :is(th, td)");
    if (!cell) return;
    const rows = [...cell.closest("tbody").rows].filter((row) => !row.hidden);
    let row = rows.indexOf(cell.parentElement);
    let place = cell.cellIndex;
    let next;
    do {
      row += by[0];
      place += by[1];
      next = rows[row] && rows[row].cells[place];
    } while (next && !next.matches(saying) && !next.querySelector(saying));
    event.preventDefault();
    if (!next) return;
    const target = next.querySelector("button.case") || next;
    if (target === next) next.tabIndex = -1;
    target.focus();
  };
  const hush = () => { tip.hidden = true; };
  const explained = (event) => event.target instanceof Element && event.target.closest("main [title], main [data-tip]");

  const start = () => {
    document.querySelectorAll("main table").forEach(dress);
    document.querySelectorAll("script[data-table]").forEach((data) => {
      const box = data.closest("details");
      box.addEventListener("toggle", () => unpack(data), { once: true });
    });
    document.body.append(tip);
    for (const kind of ["pointerover", "focusin", "click"]) {
      document.addEventListener(kind, (event) => {
        const element = explained(event);
        if (element) explain(element); else hush();
      });
    }
    addEventListener("keydown", (event) => {
      if (event.key === "Escape") hush();
      step(event);
    });
    if (dialog) {
      document.addEventListener("click", (event) => {
        const button = event.target instanceof Element && event.target.closest("button.case");
        if (button) open(button.dataset.key, button);
      });
      dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
      dialog.addEventListener("close", () => {
        remember("");
        if (opener) opener.focus();
      });
    }
    addEventListener("hashchange", follow);
    follow();
    document.documentElement.dataset.ready = "yes";
  };
  start();
})();
