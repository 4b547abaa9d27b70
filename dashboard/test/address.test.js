import assert from "node:assert/strict";
import test from "node:test";
import { absolute, defaults, href, lost, parse, paths } from "../static/address.js";

test("a default is never written, and what is written is read again", () => {
  for (const path of paths) assert.equal(href(path, defaults(path)), path);
  const values = { ...defaults("/"), env: "staging", status: ["drift", "silent"], q: "eta & co", sort: "mae", desc: true, recent: 24, retired: true, as_of: "2026-11-29T15:20:00Z", tz: "Europe/Berlin" };
  const written = href("/", values);
  assert.equal(written, "/?env=staging&status=drift,silent&q=eta+%26+co&sort=mae&desc=1&recent=24&retired=1&as_of=2026-11-29T15:20:00Z&tz=Europe%2FBerlin");
  assert.deepEqual(parse("/", written.slice(1)), { path: "/", values });
});

test("what is not known falls back to the default", () => {
  assert.deepEqual(parse("/", "?recent=5&history=x&status=drift,nonsense,drift&sort=colour&desc=yes&as_of=yesterday&unknown=1&__proto__=1").values, { ...defaults("/"), status: ["drift"] });
  assert.equal(parse("/elsewhere", "?tz=UTC").path, lost);
  assert.equal(parse("/constructor", "").path, lost);
  assert.ok(!paths.includes(lost));
  assert.equal(parse("/model", "?recent=3&measure=rmse&range=90d&interval=2h").values.interval, "");
  assert.equal(parse("/ask", "?pipe=models&model_id=a&token=secret").values.model_id, "a");
  assert.equal(parse("/ask", "?pipe=models&token=secret").values.token, undefined);
});

test("names of any kind come back as they were", () => {
  for (const id of ["a/b", "..", ".", "%2F", "a b+c&d=e#f?", "javascript:alert(1)", "\u202eevil", "名前", "*", ","]) {
    const at = href("/model", { id });
    assert.equal(parse("/model", at.slice(at.indexOf("?"))).values.id, id);
    assert.ok(at.startsWith("/model?"), at);
  }
});

test("an address to hand on says when, and where", () => {
  const from = parse("/model", "?id=a&range=3d");
  assert.equal(absolute(from, { now: Date.parse("2026-11-29T15:20:00.500Z"), zone: "UTC", from: 0, to: 3_600_000 }),
    "/model?id=a&range=3d&from=1970-01-01T00:00:00Z&to=1970-01-01T01:00:00Z&as_of=2026-11-29T15:20:00Z&tz=UTC");
});
