// Light or dark: as the system has it, until the reader chooses.

import { h } from "./dom.js";

const key = "residual.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

function chosen() {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export const theme = () => {
  const own = chosen();
  return own === "light" || own === "dark" ? own : dark.matches ? "dark" : "light";
};

function apply() {
  document.documentElement.dataset.theme = theme();
  dispatchEvent(new Event("theme"));
}

apply();
dark.addEventListener("change", apply);
addEventListener("storage", (e) => { if (e.key === key) apply(); });

/** The button. */
export const toggle = () => h("button", { type: "button", class: "plain theme", "aria-label": "Light or dark", title: "Light or dark", onclick: () => {
  const next = theme() === "dark" ? "light" : "dark";
  try {
    if (next === (dark.matches ? "dark" : "light")) localStorage.removeItem(key);
    else localStorage.setItem(key, next);
  } catch { /* a browser that keeps nothing */ }
  document.documentElement.dataset.theme = next;
  dispatchEvent(new Event("theme"));
} });
