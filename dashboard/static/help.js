// What the keys do, and whether single ones do anything.

import { h } from "./dom.js";

const key = "residual.keys";

/** Whether single keys act; a reader who speaks to the browser turns them off. */
export function singleKeys() {
  try {
    return localStorage.getItem(key) !== "off";
  } catch {
    return true;
  }
}

/** @type {[string, [string, string][]][]} */
const lists = [
  ["Everywhere", [["?", "this list"], ["Tab", "the next control"]]],
  ["Models", [["/", "filter by name or version"], ["↓ ↑ or j k", "along the list"], ["Enter", "open the model"], ["Esc", "clear the filter"]]],
  ["Chart, once it has the focus", [["← →", "along the buckets, by ten with Shift"], ["Home End", "the first and the last bucket"], ["+ −", "zoom at the cursor"], ["0 or Esc", "back to the whole range"], ["T", "the buckets as a table"]]],
];

export function openHelp() {
  const before = document.querySelector("dialog.help");
  if (before) return;
  const dialog = h("dialog", { class: "help", "aria-labelledby": "help-title", onclose: () => dialog.remove(), onclick: (/** @type {Event} */ e) => { if (e.target === dialog) dialog.close(); } },
    h("form", { method: "dialog" },
      h("h2", { id: "help-title" }, "Keys"),
      lists.map(([title, keys]) => [h("h3", null, title), h("dl", { class: "keys" }, keys.map(([k, does]) => h("div", null, h("dt", null, h("kbd", null, k)), h("dd", null, does))))]).flat(),
      h("label", { class: "check" }, h("input", { type: "checkbox", checked: singleKeys(), onchange: (/** @type {Event} */ e) => {
        try {
          localStorage.setItem(key, /** @type {HTMLInputElement} */ (e.target).checked ? "on" : "off");
        } catch { /* a browser that keeps nothing */ }
      } }), " Single keys act"),
      h("button", { class: "button", autofocus: true }, "Close")));
  document.body.append(dialog);
  dialog.showModal();
}
