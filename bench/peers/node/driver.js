'use strict';

// Reads one JSON command per line from standard input and answers each with one JSON line on standard output, until close.
// Times are measured here, around the call of the engine, so that the pipe is no part of them.

const readline = require('node:readline');

const now = () => Number(process.hrtime.bigint()) / 1e6; // milliseconds

// drive serves an engine with these functions, all of which may be async:
//   open(dir), close(), exec(sql), ask(sql) -> rows,
//   asker(sql) -> a function that asks once, as fast as one client can,
//   client(sql) -> the same, such that several clients may be under way at a time.
exports.drive = async (engine) => {
  const commands = {
    open: async ({ dir }) => timed(() => engine.open(dir)),
    exec: async ({ sql }) => timed(() => engine.exec(sql)),
    ask: async ({ sql }) => ({ rows: await engine.ask(sql) }),
    time: async ({ sql, seconds, least }) => ({ times: await repeat(await engine.asker(sql), seconds, least) }),
    clients: async ({ sql, clients, seconds }) => hammer(engine, sql, clients, seconds),
    close: async () => timed(() => engine.close()),
  };
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    let answer;
    try {
      answer = await commands[command.op](command);
    } catch (error) {
      answer = { error: String(error.message ?? error) };
    }
    // After close nothing may keep the process, whatever threads the engine left.
    const last = command.op === 'close' ? () => process.exit(0) : undefined;
    process.stdout.write('answer ' + JSON.stringify(answer) + '\n', last);
    if (last) return;
  }
};

async function timed(work) {
  const begin = now();
  await work();
  return { ms: now() - begin };
}

async function repeat(ask, seconds, least) {
  for (let i = 0; i < 3; i++) await ask(); // warm
  const times = [];
  const end = now() + seconds * 1000;
  while (times.length < least || (now() < end && times.length < 20000)) {
    const begin = now();
    await ask();
    times.push(now() - begin);
  }
  return times;
}

async function hammer(engine, sql, clients, seconds) {
  const askers = await Promise.all(Array.from({ length: clients }, () => engine.client(sql)));
  const begin = now();
  const end = begin + seconds * 1000;
  let count = 0;
  await Promise.all(askers.map(async (ask) => {
    do {
      await ask();
      count++;
    } while (now() < end);
  }));
  return { count, ms: now() - begin };
}
