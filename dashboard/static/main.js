// The frame: the top bar, which view is open, and what happens when the server does not answer.

import { absolute, arrive, carried, current, go, href, listen, lost } from "./address.js";
import { open as openAsk } from "./ask.js";
import { open as openConnectors } from "./connectors.js";
import { h, replace, select } from "./dom.js";
import { open as openFleet } from "./fleet.js";
import { openHelp, singleKeys } from "./help.js";
import { Live, wait } from "./live.js";
import { open as openModel } from "./model.js";
import { askToken, degraded, forbidden, old, openLost, refused, slow } from "./notices.js";
import { open as openQuarantine } from "./quarantine.js";
import { json, serverNow, ServerError } from "./server.js";
import { open as openStatus } from "./status.js";
import { toggle } from "./theme.js";
import { clock, offset, second } from "./times.js";
import { choose, city, isZone, own, zone } from "./zone.js";

/**
 * @typedef {{
 *   title: (text: string) => void, announce: (text: string) => void, now: () => number, pipes: Set<string>, learned: Promise<unknown>, again: () => void, open: (href: string) => void, link: (range?: { from: number, to: number }) => string,
 * }} Frame what a view has of the page around it: learned is kept once pipes are those that the token may ask, link is the address to hand on
 * @typedef {{
 *   every: number, load: (address: import("./address.js").Address, signal: AbortSignal) => Promise<void>, close: () => void, tick?: () => void, keyed?: (event: KeyboardEvent) => void,
 * }} View every is how often it asks, in ms; 0 is once
 */

/** @type {Record<string, { name: string, pipe: string, open: (main: HTMLElement, frame: Frame) => View }>} */
const pages = {
  "/": { name: "Models", pipe: "models", open: openFleet },
  "/quarantine": { name: "Quarantine", pipe: "quarantine", open: openQuarantine },
  "/connectors": { name: "Connectors", pipe: "connectors", open: openConnectors },
  "/ask": { name: "Ask", pipe: "", open: openAsk },
  "/status": { name: "Status", pipe: "status", open: openStatus },
  "/model": { name: "", pipe: "models", open: openModel },
  [lost]: { name: "", pipe: "", open: openLost },
};

const main = /** @type {HTMLElement} */ (document.querySelector("main"));
const notices = /** @type {HTMLElement} */ (document.querySelector(".notices"));
const announced = /** @type {HTMLElement} */ (document.querySelector("#announced"));

/** @type {View | null} */
let view = null;
let viewPath = "";
let controller = new AbortController();
let loading = false;
let lastAnswer = 0, failures = 0;
/** @type {ServerError | null} */
let failure = null;
let retryAt = 0;
let unwell = "";

/** @type {Frame} */
const frame = {
  title: (text) => { document.title = `${text} · Residual`; },
  announce: (text) => { announced.textContent = text; },
  now: () => { const { as_of } = current().values; return as_of ? Date.parse(as_of) : serverNow(); },
  pipes: new Set(),
  learned: Promise.resolve(),
  again: () => void show(),
  open: (to) => { const url = new URL(to, location.origin); history.pushState(null, "", url.pathname + url.search); arrive(); },
  link: (range) => location.origin + absolute(current(), { now: frame.now(), zone: zone(), ...range }),
};

const live = new Live(() => void show());

/** Opens the view of the address, and has it ask. */
async function show() {
  const address = current();
  controller.abort();
  controller = new AbortController();
  const { signal } = controller;
  if (!view || viewPath !== address.path) {
    view?.close();
    view = null;
    viewPath = address.path;
    main.className = address.path === "/" ? "fleet" : address.path.slice(1);
    replace(main);
    view = pages[address.path].open(main, frame);
    frame.title(pages[address.path].name || (address.path === lost ? "Lost" : "Model"));
  }
  loading = true;
  const patience = setTimeout(() => slow(notices, () => { controller.abort(); loading = false; void failed(new ServerError(0, "The question was stopped.")); }), 3 * second);
  try {
    const loaded = view.load(address, signal);
    // While the server works.
    chrome();
    await loaded;
    if (signal.aborted) return;
    answered();
  } catch (error) {
    if (!signal.aborted) await failed(error);
  } finally {
    clearTimeout(patience);
    if (!signal.aborted) loading = false;
  }
}

function answered() {
  lastAnswer = Date.now();
  failures = 0;
  failure = null;
  quiet();
  chrome();
  live.next(current().values.as_of ? 0 : view?.every ?? 0);
}

/** Takes away what stands over the view, or puts back what still holds. */
function quiet() {
  if (failure) banner();
  else if (unwell) degraded(notices, unwell);
  else replace(notices);
}

/** @param {unknown} error */
async function failed(error) {
  // A bug of the page, which the reader may report.
  if (!(error instanceof ServerError)) {
    console.error(error);
    error = new ServerError(0, `The page itself failed: ${error}.`);
  }
  const e = /** @type {ServerError} */ (error);
  if (e.status === 403) return tokens(e);
  if (e.status >= 400 && e.status < 500 && e.status !== 408 && e.status !== 429) {
    live.next(0);
    view?.close();
    // The next address opens it anew.
    view = null;
    quiet();
    return refused(main, e);
  }
  failures++;
  failure = e;
  const ms = wait(failures, e.retryAfter);
  retryAt = Date.now() + ms;
  live.next(ms);
  banner();
  chrome();
}

function banner() {
  if (failure) old(notices, { error: failure, last: lastAnswer, now: Date.now(), next: retryAt, retry: () => void show() });
}

/** @param {ServerError} error a token lacks, is wrong, or may not see this */
async function tokens(error) {
  live.next(0);
  const known = await pipes().catch(() => false);
  view?.close();
  view = null;
  replace(notices);
  if (known) {
    if (/token/.test(error.message)) return forbidden(main, pages[current().path].pipe || "this pipe");
    return refused(main, error);
  }
  frame.title("Token");
  askToken(main, async () => {
    if (!await pipes().catch(() => false)) return false;
    void show();
    return true;
  });
}

/** Learns what the token may ask. */
async function pipes() {
  const { pipes } = await json("/v0/pipes");
  frame.pipes = new Set(pipes.map((/** @type {{ name: string }} */ p) => p.name));
  chrome();
  return true;
}

const nav = /** @type {HTMLElement} */ (document.querySelector("nav"));
const reader = /** @type {HTMLElement} */ (document.querySelector(".reader"));
const liveState = h("button", { type: "button", class: "plain live", onclick: () => { const { as_of } = current().values; go({ as_of: as_of ? "" : new Date(Math.floor(serverNow() / 1000) * 1000).toISOString().replace(".000Z", "Z") }); } });
const zones = h("span", { class: "zone" });
reader.append(liveState, zones, toggle());

/** Draws the top bar. */
function chrome() {
  const { path, values } = current();
  const shown = Object.entries(pages).filter(([, page]) => page.name && (page.pipe === "" ? frame.pipes.size > 0 : frame.pipes.has(page.pipe)));
  const links = shown.map(([to, page]) => ({ to: href(to, carried()), text: page.name, on: to === path || to === "/" && path === "/model" }));
  const print = JSON.stringify(links);
  if (nav.dataset.shown !== print) {
    nav.dataset.shown = print;
    replace(nav, links.map(({ to, text, on }) => h("a", { href: to, "aria-current": on ? "page" : null }, text)));
  }
  const asOf = values.as_of;
  const state = failure ? "No answer" : asOf ? `As of ${clock(Date.parse(asOf), Date.now())}` : "Live";
  const style = failure ? "none" : asOf ? "held" : "on";
  if (liveState.textContent !== state) {
    replace(liveState, h("span", { class: `sign ${style}`, "aria-hidden": "true" }), state);
    liveState.title = asOf ? "Back to live" : "Hold the page as it is now";
  }
  liveState.hidden = !("as_of" in values);
  if (zones.dataset.zone !== zone() && !zones.contains(document.activeElement)) {
    zones.dataset.zone = zone();
    replace(zones, zonePicker());
  }
}

/** The zones that a reader is likely to want; any other one by its name. */
function zonePicker() {
  const likely = [...new Set([own(), zone(), "UTC"])];
  const options = /** @type {[string, string][]} */ ([...likely.map((z) => [z, city(z)]), ["other", "Another zone …"]]);
  const picker = select(`Time zone, now ${offset(Date.now())}`, options, zone(), (chosen) => {
    if (chosen === "other") {
      picker.value = zone();
      return anotherZone();
    }
    change(chosen);
  });
  return picker;
}

/** @param {string} chosen */
function change(chosen) {
  choose(chosen);
  go({ tz: "" }, { replace: true });
}

function anotherZone() {
  const all = typeof Intl.supportedValuesOf === "function" ? Intl.supportedValuesOf("timeZone") : [];
  const input = h("input", { list: "zones", "aria-label": "Time zone", placeholder: "Europe/Berlin", oninput: () => input.setCustomValidity("") });
  const dialog = h("dialog", { class: "help", "aria-label": "Time zone", onclose: () => dialog.remove() },
    h("form", { method: "dialog", onsubmit: (/** @type {Event} */ e) => {
      if (isZone(input.value)) return change(input.value);
      e.preventDefault();
      input.setCustomValidity("A name such as Europe/Berlin is needed");
      input.reportValidity();
    } }, h("h2", null, "Show times in"), h("p", { class: "together" }, input, h("button", { class: "button" }, "Show")), h("datalist", { id: "zones" }, all.map((z) => h("option", { value: z })))));
  document.body.append(dialog);
  dialog.showModal();
}

// Links within the page are followed by it.
document.addEventListener("click", (e) => {
  const link = /** @type {Element} */ (e.target).closest?.("a[href]");
  if (!(link instanceof HTMLAnchorElement) || link.origin !== location.origin || link.target || e.defaultPrevented || e.button !== 0 || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
  if (!Object.hasOwn(pages, link.pathname)) return;
  // The skip link.
  if (link.hash && link.pathname === location.pathname) return;
  e.preventDefault();
  frame.open(link.href);
});

addEventListener("popstate", () => { if (location.pathname + location.search !== shownAddress) arrive(); });

let shownAddress = location.pathname + location.search;
listen((address) => {
  const otherPage = address.path !== viewPath;
  shownAddress = location.pathname + location.search;
  failures = 0;
  if (otherPage) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
  void show();
});

addEventListener("keydown", (e) => {
  const target = /** @type {Element} */ (e.target);
  if (e.ctrlKey || e.metaKey || e.altKey || !singleKeys() || document.querySelector("dialog[open]")) return;
  const writing = target.closest("input, select, textarea, [role=application]");
  if (e.key === "?" && !writing) return openHelp();
  if (!writing || e.key === "Escape") view?.keyed?.(e);
});

// What is not taken is said wherever the reader is.
async function health() {
  if (!document.hidden) {
    try {
      await json("/health");
      unwell = "";
    } catch (error) {
      if (error instanceof ServerError && error.status === 503) unwell = error.reason || "";
    }
    if (!loading) quiet();
  }
  setTimeout(health, 15 * second);
}

setInterval(() => {
  if (document.hidden) return;
  view?.tick?.();
  if (failure && !loading) banner();
}, second);

// The pipes and the view are asked for at the same time; a token that lacks shows in either.
queueMicrotask(() => void show());
frame.learned = pipes().catch(() => {});
setTimeout(health, second);

