// The first visit: what to send, so that there is something to see.

import { copier, h } from "./dom.js";
import { serverNow, token } from "./server.js";
import { rfc } from "./times.js";

/**
 * Shows how a first prediction is sent, before the place of the list.
 * @param {HTMLElement} main
 */
export function first(main) {
  const now = rfc(serverNow()), authorization = token() ? ' -H "Authorization: Bearer $TOKEN"' : "";
  const command = (/** @type {string} */ source, /** @type {Record<string, unknown>} */ event) =>
    `curl${authorization} '${location.origin}/v0/events?name=${source}' -d '${JSON.stringify(event)}'`;
  const prediction = command("ml_model_predictions", {
    timestamp: now, model_id: "my_model", prediction_id: "1", features: {}, predicted_value: 42.5, model_version: "v1", environment: "production",
  });
  const actual = command("ml_model_actuals", { model_id: "my_model", prediction_id: "1", actual_value: 41 });
  const block = (/** @type {string} */ text) => h("div", { class: "command" }, h("pre", { tabindex: "0" }, h("code", null, text)), copier("Copy", () => text));
  const section = h("section", { class: "first" }, h("h1", null, "No model has sent a prediction yet"),
    h("p", null, "Send one, and this page shows it within a second:"), block(prediction), h("p", null, "Its actual, once it is known:"), block(actual));
  main.classList.add("empty");
  main.prepend(section);
  return { remove: () => { section.remove(); main.classList.remove("empty"); } };
}
