import assert from "node:assert/strict";
import test from "node:test";
import "./page.js";
import { said, sentence, told } from "../static/connectors.js";

const now = Date.parse("2026-11-30T12:00:00Z");
const row = (more) => ({ name: "a", kind: "kafka", place: "topic t", state: "running", since: "2026-11-30 11:00:00", error: null, last_stored: "2026-11-30 11:59:20", lag_messages: 0, lag_bytes: null, rows: 7, rejects: 0, ...more });

test("the sentence is about those that need somebody most", () => {
  assert.equal(sentence([]), "There are no connectors.");
  assert.equal(sentence([row()]), "1 of 1 connector running: a.");
  assert.equal(sentence([row({ name: "b", state: "failing" }), row()]), "1 of 2 connectors failing: b.");
});

test("a line says why one does not go on, else how far it is", () => {
  assert.equal(said(row({ error: "no server at h:1" }), now), "no server at h:1");
  assert.equal(said(row(), now), "up to date, stored 40\u00a0s ago");
  assert.equal(said(row({ lag_messages: 1, last_stored: null }), now), "1 message behind");
  assert.equal(said(row({ lag_messages: 2, last_stored: null, kind: "files" }), now), "2 files behind");
  assert.equal(said(row({ lag_messages: null, last_stored: null }), now), "topic t");
});

test("the details have what is known, and times of the reader's zone", () => {
  const all = new Map(told(row({ last_error: "error 500" }), now));
  assert.equal(all.get("place"), "topic t");
  assert.match(all.get("last stored"), /\d\d:59$/);
  assert.equal(all.get("last error"), "error 500");
  assert.equal(all.get("rows"), "7");
  assert.ok(!all.has("rejects") && !all.has("lag bytes") && !all.has("name"));
});
