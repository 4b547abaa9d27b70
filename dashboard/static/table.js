// A table of rows that are links: keyed, so that a refresh touches what has changed alone; held still while a hand is on it; and of
// long ones only the rows near the view exist.

import { h, replace } from "./dom.js";

/**
 * @template R
 * @typedef {{ key: string, title: import("./dom.js").Child | import("./dom.js").Child[], sorts?: boolean, cell: (row: R) => import("./dom.js").Child | import("./dom.js").Child[] }} Column
 */

/**
 * @template R
 * @typedef {{
 *   label: string, columns: Column<R>[], name: (row: R) => string, href: (row: R) => string, style: (row: R) => string, tall: (row: R) => boolean,
 *   shown: (row: R) => string, sort: (key: string) => void, go: (href: string) => void, viewed?: (rows: R[]) => void,
 * }} Options name is a row's key, shown whatever its cells are made of, viewed is told what is in view
 */

/** Up to so many rows are all in the document, so that the browser's search finds them. */
const allMax = 300;
// Px beyond the view.
const around = 400;

/** @template R */
export class Table {
  /** @param {Options<R>} options */
  constructor(options) {
    this.options = options;
    /** @type {R[]} */
    this.rows = [];
    /** @type {R[] | null} the order that waits until nobody is at the table */
    this.waiting = null;
    /** @type {Map<string, { element: HTMLTableRowElement, shown: string }>} */
    this.made = new Map();
    /** @type {Map<string, number>} heights as they were measured */
    this.heights = new Map();
    this.head = h("tr", { role: "row" });
    this.body = h("tbody", { role: "rowgroup", onclick: (/** @type {MouseEvent} */ e) => this.#clicked(e), onkeydown: (/** @type {KeyboardEvent} */ e) => this.keyed(e) });
    this.element = h("table", { class: "list", role: "table", "aria-label": options.label, onpointerleave: () => this.#release(), onfocusout: () => queueMicrotask(() => this.#release()) },
      h("thead", { role: "rowgroup" }, this.head), this.body);
    this.drawn = 0;
    this.later = () => { if (!this.drawn) this.drawn = requestAnimationFrame(() => { this.drawn = 0; this.draw(); }); };
    addEventListener("scroll", this.later, { passive: true });
    addEventListener("resize", this.later);
  }

  close() {
    removeEventListener("scroll", this.later);
    removeEventListener("resize", this.later);
    cancelAnimationFrame(this.drawn);
  }

  /** @param {string} sort @param {boolean} reversed */
  sorted(sort, reversed) {
    if (this.head.dataset.sorted === `${sort} ${reversed}`) return;
    this.head.dataset.sorted = `${sort} ${reversed}`;
    const focused = this.head.contains(document.activeElement) ? document.activeElement?.closest("th")?.dataset.key : undefined;
    replace(this.head, this.options.columns.map((c) => h("th", {
      class: c.key, role: "columnheader", scope: "col", "data-key": c.key, "aria-sort": c.sorts && c.key === sort && (c.key !== "attention" || reversed) ? (reversed === natural(c.key) ? "descending" : "ascending") : null,
    }, c.sorts ? h("button", { type: "button", onclick: () => this.options.sort(c.key) }, c.title) : c.title)));
    if (focused) /** @type {HTMLElement | null} */ (this.head.querySelector(`[data-key="${focused}"] button`))?.focus();
  }

  get held() {
    return this.body.matches(":hover") || this.body.contains(document.activeElement);
  }

  /**
   * @param {R[]} rows
   * @param {boolean} [asked] the reader asked for another order, which does not wait
   * @param {number} [all] how many there are; more than there are rows while these are the first, of which those in view alone are made
   */
  fill(rows, asked = false, all = rows.length) {
    this.waiting = null;
    if (!asked && this.held && this.rows.length > 0) {
      const { name } = this.options;
      const at = new Map(this.rows.map((row, i) => [name(row), i]));
      this.waiting = rows;
      rows = rows.slice().sort((a, b) => (at.get(name(a)) ?? Infinity) - (at.get(name(b)) ?? Infinity) || 0);
    }
    this.rows = rows;
    this.element.setAttribute("aria-rowcount", String(all + 1));
    this.draw(all > rows.length);
  }

  #release() {
    if (!this.waiting || this.held) return;
    const rows = this.waiting;
    this.waiting = null;
    this.rows = rows;
    this.draw();
  }

  /** Puts the rows that have to exist into the document. @param {boolean} [first] those in view alone */
  draw(first = false) {
    const { rows, options } = this;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    const height = (/** @type {R} */ row) => this.heights.get(`${innerWidth} ${options.name(row)}`) ?? (options.tall(row) ? 58 : 37) * rem;
    const all = rows.length <= allMax && !first, margin = first ? 0 : around;
    const top = this.body.getBoundingClientRect().top;
    const focused = document.activeElement?.closest("tr");
    /** @type {HTMLTableRowElement[]} */
    const elements = [];
    /** @type {R[]} */
    const viewed = [];
    const used = new Set();
    let y = top, skipped = 0;
    rows.forEach((row, i) => {
      const name = options.name(row), tall = height(row);
      const near = y + tall > -margin && y < innerHeight + margin;
      const made = this.made.get(name);
      if (all || near || made && made.element === focused) {
        if (skipped > 0) elements.push(spacer(skipped));
        skipped = 0;
        elements.push(this.#row(row, name, i));
        used.add(name);
        if (near) viewed.push(row);
      } else skipped += tall;
      y += tall;
    });
    if (skipped > 0) elements.push(spacer(skipped));
    for (const name of this.made.keys()) if (!used.has(name)) this.made.delete(name);
    arrange(this.body, elements);
    if (!all && !first) for (const row of viewed) {
      const element = this.made.get(options.name(row))?.element;
      if (element) this.heights.set(`${innerWidth} ${options.name(row)}`, element.getBoundingClientRect().height);
    }
    options.viewed?.(viewed);
  }

  /** @param {R} row @param {string} name @param {number} i */
  #row(row, name, i) {
    const shown = this.options.shown(row);
    let made = this.made.get(name);
    if (!made || made.shown !== shown) {
      const element = made?.element ?? h("tr", { role: "row" });
      const focused = element.contains(document.activeElement);
      element.className = this.options.style(row);
      element.dataset.href = this.options.href(row);
      replace(element, this.options.columns.map((c) => h("td", { class: c.key, role: "cell" }, c.cell(row))));
      if (focused) element.querySelector("a")?.focus({ preventScroll: true });
      this.made.set(name, made = { element, shown });
    }
    made.element.setAttribute("aria-rowindex", String(i + 2));
    return made.element;
  }

  /** @param {MouseEvent} event the whole row is its link */
  #clicked(event) {
    const target = /** @type {Element} */ (event.target), row = target.closest("tr");
    if (!row?.dataset.href || target.closest("a, button") || String(getSelection() ?? "") !== "") return;
    if (event.ctrlKey || event.metaKey) open(row.dataset.href, "_blank", "noopener");
    else this.options.go(row.dataset.href);
  }

  /** @param {KeyboardEvent} event up and down the list */
  keyed(event) {
    const down = event.key === "ArrowDown" || event.key === "j", up = event.key === "ArrowUp" || event.key === "k";
    if (!down && !up || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const links = [...this.body.querySelectorAll("a")];
    const at = links.findIndex((link) => link.closest("tr")?.contains(document.activeElement));
    const next = at < 0 ? links[0] : links[at + (down ? 1 : -1)];
    next?.focus();
  }
}

/** @param {string} key whether the first click on a column shows the largest first */
const natural = (key) => key !== "attention" && key !== "model" && key !== "age" && key !== "last" ? false : true;

/** @param {number} height */
function spacer(height) {
  const element = h("tr", { class: "spacer", "aria-hidden": "true" }, h("td"));
  element.style.height = `${height}px`;
  return element;
}

/**
 * Makes children of an element be these, in this order, and moves none that is at its place.
 * @param {Element} parent
 * @param {Element[]} children
 */
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let at = parent.firstElementChild;
  for (const child of children) {
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
  }
}
