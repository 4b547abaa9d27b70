// The page of a model.

import { h } from "./dom.js";

/** @param {HTMLElement} main @param {import("./main.js").Frame} frame @returns {import("./main.js").View} */
export function open(main, frame) {
  const title = h("h1", { tabindex: "-1" });
  main.append(title);
  return { every: 15_000, load: async ({ values }) => { title.textContent = values.id; frame.title(values.id); }, close: () => {} };
}
