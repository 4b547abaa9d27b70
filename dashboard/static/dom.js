// Elements made by script. A text becomes a text node and never markup, so that what a store holds cannot run.

/** @typedef {Node | string | number | null | undefined | false} Child */

// C0 and C1 controls, directions, and characters without width: shown, so that no two names look alike and none turns a line around.
const unseen = /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\udb40[\udc00-\udfff]/g;

/**
 * Text of others as it may be shown in a line.
 * @param {unknown} text
 */
export const clean = (text) => String(text).replace(unseen, "\ufffd");

/**
 * A name of others, whose direction ends with it.
 * @param {unknown} text
 */
export const name = (text) => h("bdi", null, clean(text));

/**
 * An element. What begins with "on" is a listener; null and false leave an attribute out, true gives it without a value.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any> | null} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/**
 * An element of a drawing.
 * @param {string} tag
 * @param {Record<string, any> | null} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Record<string, any> | null | undefined} attributes
 * @param {(Child | Child[])[]} children
 */
function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

/**
 * @param {Element} element
 * @param {(Child | Child[])[]} children
 */
function append(element, children) {
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) element.append(child instanceof Node ? child : String(child));
  }
}

/**
 * Puts children in the place of those that an element has.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/**
 * A select. Options are [value, text].
 * @param {string} label
 * @param {[string, string][]} options
 * @param {string} value
 * @param {(value: string) => void} onchange
 */
export function select(label, options, value, onchange) {
  const element = h("select", { class: "select", "aria-label": label, onchange: () => onchange(element.value) },
    options.map(([key, text]) => h("option", { value: key, selected: key === value }, clean(text))));
  return element;
}

/**
 * A row of buttons of which one is chosen. Options are [value, content].
 * @param {string} label
 * @param {[string, Child | Child[]][]} options
 * @param {string} value
 * @param {(value: string) => void} onchange
 */
export function segments(label, options, value, onchange) {
  return h("div", { class: "segments", role: "group", "aria-label": label },
    options.map(([key, content]) => h("button", { type: "button", "aria-pressed": String(key === value), "data-value": key, onclick: () => onchange(key) }, content)));
}

/**
 * Puts new controls in the place of old ones and leaves the focus where it was, by its data-value.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function renew(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement?.getAttribute("data-value") : null;
  // An open list stays open.
  if (element.contains(document.activeElement) && document.activeElement instanceof HTMLSelectElement) return;
  replace(element, ...children);
  if (focused) /** @type {HTMLElement | null} */ (element.querySelector(`[data-value="${CSS.escape(focused)}"]`))?.focus();
}

/**
 * A button that copies a text, and says so.
 * @param {string} text what it says
 * @param {() => string} content
 * @param {string} [style] its class
 */
export function copier(text, content, style = "button") {
  const button = h("button", { type: "button", class: style, "aria-live": "polite", onclick: async () => {
    const done = await copy(content());
    button.textContent = done ? "Copied" : "Not copied";
    setTimeout(() => { button.textContent = text; }, 1500);
  } }, text);
  return button;
}

/**
 * The clipboard's own interface is there on secure pages alone.
 * @param {string} text
 */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", { class: "away" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
