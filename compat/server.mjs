// A running `residual serve` on a data directory of its own, for as long as a test needs it.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../residual", import.meta.url));

// residual runs a command to its end and returns what it printed.
export function residual(...args) {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 30 });
}

// temporary returns a new directory that is removed when this process ends, after its servers.
export function temporary() {
  const dir = mkdtempSync(join(tmpdir(), "residual-compat-"));
  process.once("exit", () => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

// serve starts a server and returns its base URL. It ends with the test t, or earlier through stop.
export async function serve(t, { dir = temporary(), flags = [] } = {}) {
  const child = spawn(program, ["serve", "--data-dir", dir, "--listen", "127.0.0.1:0", "--log-level", "warn", ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
  };
  t.after(stop);
  for await (const line of createInterface({ input: child.stdout })) {
    const [, url] = /^listening on (.*)$/.exec(line) ?? [];
    if (url) return { url, dir, stop };
  }
  throw new Error("the server ended before it listened");
}

// createToken adds a token to a data directory.
export function createToken(dir, name, ...scopes) {
  return residual("token", "create", name, "--data-dir", dir, ...scopes.flatMap((scope) => ["--scope", scope])).trim();
}
