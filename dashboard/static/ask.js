// Any pipe, asked by a form; beside it the command that asks the same.

import { current, defaults, href } from "./address.js";
import { clean, copier, h, renew, replace } from "./dom.js";
import { count, none, plural } from "./numbers.js";
import { ask, curl, json, ServerError } from "./server.js";

const rowsMax = 500;

/** @typedef {{ name: string, description: string, schema: { type: string, default?: unknown, enum?: string[], additionalProperties?: unknown } }} Parameter */

/** @param {HTMLElement} main @param {import("./main.js").Frame} frame */
export function open(main, frame) {
  const title = h("h1", { tabindex: "-1" }, "Ask"), list = h("ul", { class: "pipes" }), form = h("form", { class: "question" }), answerPlace = h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Answer" });
  const command = h("code"), said = h("p", { class: "windows", "aria-live": "polite" });
  const shell = h("div", { class: "command" }, h("pre", { tabindex: "0" }, command), copier("Copy", () => command.textContent ?? ""));
  main.append(h("header", { class: "head" }, h("div", null, title, h("p", { class: "windows" }, "Each answer of this page can be had by a program: the command is below the form."))),
    h("div", { class: "asking" }, h("nav", { "aria-label": "Pipes" }, list), h("div", null, form, shell, said, answerPlace)));
  /** @type {any} */
  let document_;
  let formOf = "", asked = "";

  const given = () => Object.fromEntries([...new FormData(form)].filter(([, v]) => v !== "").map(([k, v]) => [k, String(v)]));
  const own = (/** @type {import("./address.js").Values} */ values) => Object.fromEntries(Object.entries(values).filter(([key]) => !(key in defaults("/ask"))));
  const shown = () => { command.textContent = curl(current().values.pipe || first(), given(), current().values.format || "json"); };
  const first = () => frame.pipes.has("models") ? "models" : [...frame.pipes][0] ?? "";

  form.addEventListener("input", shown);
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const { pipe, format, tz } = current().values;
    asked = "";
    const to = href("/ask", { pipe: pipe || first(), format, tz, ...given() });
    if (to === location.pathname + location.search) frame.again();
    else frame.open(to);
  });

  /** @param {import("./address.js").Address} address @param {AbortSignal} signal */
  async function load({ values }, signal) {
    document_ ??= await json("/v0/pipes/openapi.json", { signal });
    await frame.learned;
    const pipe = values.pipe || first();
    const pipes = [...new Set(Object.keys(document_.paths).map((p) => /^\/v0\/pipes\/(.*)\.json$/.exec(p)?.[1]).filter((p) => p !== undefined))];
    renew(list, pipes.map((p) => h("li", null, h("a", { href: href("/ask", { pipe: p, tz: values.tz }), "aria-current": p === pipe ? "page" : null, "data-value": p }, clean(p)))));
    const operation = document_.paths[`/v0/pipes/${pipe}.json`]?.get;
    if (!operation) throw new ServerError(404, `The pipe ${pipe} does not exist.`);
    title.textContent = pipe;
    const parameters = operation.parameters.map((/** @type {{ $ref: string }} */ p) => p.$ref ? document_.components.parameters[p.$ref.slice("#/components/parameters/".length)] : p);
    if (formOf !== pipe) {
      formOf = pipe;
      replace(form, h("p", null, clean(operation.summary)), h("div", { class: "fields" }, parameters.filter((/** @type {Parameter} */ p) => p.schema.type !== "object").map((/** @type {Parameter} */ p) => field(p, values[p.name]))), h("p", null, h("button", { class: "button" }, "Ask")));
    }
    for (const [key, value] of Object.entries(own(values))) {
      const input = form.elements.namedItem(key);
      if (input instanceof HTMLInputElement || input instanceof HTMLSelectElement) input.value = value;
    }
    shown();
    const question = own(values);
    const print = JSON.stringify([pipe, question]);
    if (Object.keys(question).length === 0 && !values.pipe || asked === print) return;
    try {
      const answer = await ask(pipe, question, { signal });
      asked = print;
      const rows = answer.rows.slice(0, rowsMax);
      said.textContent = `${count(answer.rows.length)} ${plural(answer.rows.length, "row")}${answer.rows.length > rowsMax ? `, of which the first ${rowsMax} are shown` : ""}${answer.statistics ? `, in ${(answer.statistics.elapsed * 1000).toFixed(1)} ms` : ""}.`;
      replace(answerPlace, table({ ...answer, rows }));
    // What is wrong stands beside the form, which stays.
    } catch (error) {
      if (!(error instanceof ServerError) || error.status < 400 || error.status >= 500 || error.status === 429) throw error;
      said.textContent = clean(error.message);
      replace(answerPlace);
      const wrong = error.parameter && form.elements.namedItem(error.parameter);
      if (wrong instanceof HTMLElement) wrong.focus();
    }
  }
  return { every: 0, load, close: () => {} };
}

/** @param {Parameter} p @param {string | undefined} value */
function field(p, value) {
  const id = `ask-${p.name}`, hint = p.schema.default === undefined || p.schema.default === "" ? "" : String(p.schema.default);
  const control = p.schema.enum
    ? h("select", { id, name: p.name, class: "select" }, h("option", { value: "" }, hint || "–"), p.schema.enum.map((v) => h("option", { value: v, selected: v === value }, v)))
    : h("input", { id, name: p.name, value: value ?? "", placeholder: hint, spellcheck: "false", autocomplete: "off", "aria-describedby": `${id}-note` });
  return h("div", { class: "field" }, h("label", { for: id }, p.name), control, h("span", { class: "note", id: `${id}-note` }, clean(p.description)));
}

/** An answer as a table. @param {import("./server.js").Answer} answer */
function table(answer) {
  const names = answer.meta.map((m) => m.name), numeric = answer.meta.map((m) => /Int|Float/.test(m.type));
  return h("table", { class: "list answer" },
    h("thead", null, h("tr", null, names.map((n, i) => h("th", { scope: "col", class: numeric[i] ? "num" : null }, clean(n))))),
    h("tbody", null, answer.rows.map((row) => h("tr", null, names.map((n, i) => h("td", { class: numeric[i] ? "num" : null }, row[n] === null || row[n] === undefined ? none : clean(cell(row[n]))))))));
}

/** @param {unknown} value */
const cell = (value) => { const text = typeof value === "object" ? JSON.stringify(value) : String(value); return text.length > 2048 ? text.slice(0, 2048) + "…" : text; };
