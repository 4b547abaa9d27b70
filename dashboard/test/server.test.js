import assert from "node:assert/strict";
import test from "node:test";
import { wait } from "../static/live.js";
import { ask, series, ServerError, setToken } from "../static/server.js";

/** @type {{ url: string, headers: Record<string, string> }[]} */
const asked = [];
let answer = () => new Response("{}");
globalThis.fetch = async (url, how) => { asked.push({ url: String(url), headers: how.headers }); return answer(); };
const body = JSON.stringify({ meta: [{ name: "a", type: "Int" }], data: [[1]] });

test("an answer that has not changed is the same object, and a poll has the token", async () => {
  setToken("secret-of-sixteen-bytes");
  answer = () => new Response(body, { headers: { ETag: 'W/"x"' } });
  const first = await ask("models", { q: "b" });
  assert.deepEqual(first.rows, [{ a: 1 }]);
  answer = () => new Response(null, { status: 304 });
  assert.equal(await ask("models", { q: "b" }), first);
  assert.equal(asked[1].headers["If-None-Match"], 'W/"x"');
  for (const { url, headers } of asked) {
    assert.equal(headers.Authorization, "Bearer secret-of-sixteen-bytes");
    assert.doesNotMatch(url, /secret/);
  }
  setToken("");
  answer = () => new Response(body, { headers: { ETag: 'W/"y"' } });
  await ask("models", { q: "b" });
  assert.equal(asked.at(-1).headers["If-None-Match"], undefined, "what another token was told is forgotten");
  assert.equal(asked.at(-1).headers.Authorization, undefined);
});

test("what is asked once is not kept", async () => {
  answer = () => new Response(JSON.stringify({ bucket_start: [], series: [] }), { headers: { ETag: 'W/"z"' } });
  await series({ model_id: "m" }, { once: true });
  await series({ model_id: "m" }, { once: true });
  assert.equal(asked.at(-1).headers["If-None-Match"], undefined);
});

test("errors are the server's, or that there is none", async () => {
  answer = () => new Response(JSON.stringify({ error: "the parameter limit is -1" }), { status: 400 });
  await assert.rejects(ask("models", {}), (e) => e instanceof ServerError && e.status === 400 && e.parameter === "limit");
  answer = () => new Response(null, { status: 304 });
  await assert.rejects(ask("models", { never: "asked" }), ServerError, "a 304 to what was not asked before is no answer");
  answer = () => { throw new TypeError("no network"); };
  await assert.rejects(ask("models", {}), (e) => e.status === 0);
  answer = () => new Response("{\"meta\":", { status: 200 });
  await assert.rejects(ask("models", {}), /ended before its end/);
});

test("failures are tried again ever more rarely, or when the server says", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 60].map((n) => wait(n)), [4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  assert.equal(wait(9, 3), 3000);
});
