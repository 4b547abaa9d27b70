import assert from "node:assert/strict";
import fs from "node:fs";
import test from "node:test";
import * as espree from "espree";

const places = ["start", "end", "loc", "range"];

/** @param {string} path what a module means, without where in the file it does */
const meaning = (path) => JSON.stringify(espree.parse(fs.readFileSync(path, "utf8"), { ecmaVersion: "latest", sourceType: "module" }), (key, value) => places.includes(key) ? undefined : value);

test("modules mean the same without comments and room", () => {
  const modules = fs.readdirSync("static").filter((name) => name.endsWith(".js"));
  assert.ok(modules.length > 20);
  for (const name of modules) assert.equal(meaning(`bare/${name}`), meaning(`static/${name}`), name);
});
