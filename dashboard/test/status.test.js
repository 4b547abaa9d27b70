import assert from "node:assert/strict";
import test from "node:test";
import { lines, sentence } from "../static/status.js";

test("the sentence says whether events are taken, and how long the disk lasts", () => {
  assert.equal(sentence({ status: "ok", disk_days_left: 41.9 }), "The store is healthy: events are taken, the disk has room for 41 days.");
  assert.equal(sentence({ status: "ok", disk_days_left: 1.2 }), "The store is healthy: events are taken, the disk has room for 1 day.");
  assert.equal(sentence({ status: "ok", disk_days_left: null }), "The store is healthy: events are taken.");
  assert.equal(sentence({ status: "degraded", reason: "the disk is full" }), "Events are not taken: the disk is full.");
  assert.equal(sentence({ status: "degraded", reason: "1 of 2 connectors fail. Events are taken and queries answered" }, true), "Events are taken, but not all is well: 1 of 2 connectors fail.");
});

test("what is not known has no line, and a limit makes a share", () => {
  assert.deepEqual(lines({ models: null }), []);
  const [memory] = lines({ memory_bytes: 2 ** 20, memory_limit_bytes: 2 ** 22 });
  assert.equal(memory.share, 0.25);
  assert.equal(lines({ refused_memory: 2, refused_quota: 1 }).at(-1)?.said, "2 for memory, 1 over a quota");
});
