// What stands in the place of an answer: refused, a token asked for, no answer, events not taken.

import { carried, current, href } from "./address.js";
import { clean, h, replace } from "./dom.js";
import { setToken, token } from "./server.js";
import { clock, span } from "./times.js";

/** @typedef {import("./server.js").ServerError} ServerError */

/**
 * A view that the server refuses.
 * @param {Element} main
 * @param {ServerError} error
 */
export function refused(main, error) {
  replace(main, h("section", { class: "refused" }, h("h1", null, "This view cannot be answered"), h("p", null, clean(error.message)),
    error.parameter && h("p", { class: "note" }, "The parameter is ", h("code", null, error.parameter), "."),
    current().values.reference && h("p", null, h("a", { href: href(current().path, { ...current().values, reference: "" }) }, "Show it without this comparison")),
    h("p", null, h("button", { type: "button", class: "button", onclick: () => history.length > 1 ? history.back() : location.assign("/") }, "Back"))));
}

/** What is shown where no page is. @param {HTMLElement} main */
export function openLost(main) {
  main.append(h("section", { class: "refused" }, h("h1", { tabindex: "-1" }, "There is nothing at this address"), h("code", null, clean(location.pathname)),
    h("p", null, h("a", { href: href("/", carried()) }, "To the models"))));
  return { every: 0, load: async () => {}, close: () => {} };
}

/**
 * @param {Element} main
 * @param {string} pipe what it may not see
 */
export function forbidden(main, pipe) {
  replace(main, h("section", { class: "refused" }, h("h1", null, "This token may not see this page"), h("p", null, "It has no right to ask ", h("code", null, clean(pipe)), "."),
    h("p", null, h("button", { type: "button", class: "button", onclick: () => { setToken(""); location.reload(); } }, "Use another token"))));
}

/**
 * @param {Element} main
 * @param {() => Promise<boolean>} tried asks the server with the token that was given
 */
export function askToken(main, tried) {
  const input = h("input", { type: "password", id: "token", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": "token-note" });
  const note = h("p", { class: "note", id: "token-note" }, token() ? "The token that was given is not known any more." : "It is kept until this tab is closed, and stands in no address.");
  const form = h("form", { class: "token", onsubmit: async (/** @type {Event} */ e) => {
    e.preventDefault();
    setToken(input.value.trim());
    if (await tried()) return;
    setToken("");
    input.value = "";
    note.textContent = "The server does not know this token.";
    note.classList.add("wrong");
    input.focus();
  } }, h("h1", null, h("label", { for: "token" }, "This server asks for a token")), h("p", { class: "together" }, input, h("button", { class: "button" }, "Show the models")), note);
  replace(main, form);
  input.focus();
}

/**
 * The banner over an old answer.
 * @param {Element} place
 * @param {{ error: ServerError, last: number, now: number, next: number, retry: () => void }} state last is when the server last answered, 0 for never
 */
export function old(place, { error, last, now, retry }) {
  const why = error.status === 429 ? "The server asks to wait." : error.status === 0 ? "The server does not answer." : clean(error.message);
  replace(place, h("p", { class: "banner" }, h("b", null, last ? `No answer since ${clock(last, now)}. ` : "No answer yet. "),
    last ? `This is what the server said ${span(now - last)} ago. ` : "", `${/[.!?]$/.test(why) ? why : why + "."} The page keeps trying. `,
    h("button", { type: "button", class: "link", onclick: retry }, "Try now")));
}

/** @param {Element} place @param {string} reason */
export function degraded(place, reason) {
  replace(place, h("p", { class: "banner" }, h("b", null, "Events are not taken: "), `${clean(reason)}. Queries go on.`));
}

/** @param {Element} place @param {() => void} stop */
export function slow(place, stop) {
  replace(place, h("p", { class: "banner quiet" }, "Still asking … ", h("button", { type: "button", class: "link", onclick: stop }, "Stop")));
}
