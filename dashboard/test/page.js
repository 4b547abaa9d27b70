// Just enough of a browser for modules that make elements: what they made can be looked at.

export class Node {}

class Element extends Node {
  constructor(tag) {
    super();
    Object.assign(this, { tag, attributes: {}, children: [], style: {} });
  }

  setAttribute(key, value) { this.attributes[key] = value; }
  addEventListener() {}
  append(...children) { this.children.push(...children); }
  get text() { return this.children.map((c) => c instanceof Element ? c.text : c).join(""); }

  /** All elements below that have a class, or are of a tag. */
  all(name) {
    return this.children.filter((c) => c instanceof Element).flatMap((c) => [...(c.tag === name || (c.attributes.class ?? "").split(" ").includes(name) ? [c] : []), ...c.all(name)]);
  }
}

Object.assign(globalThis, { Node, document: { createElement: (tag) => new Element(tag), createElementNS: (_, tag) => new Element(tag) } });
