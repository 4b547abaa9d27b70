'use strict';

// DuckDB in this process.

const path = require('node:path');
const { DuckDBInstance } = require('@duckdb/node-api');
const { drive } = require('./driver');

let instance;
let connection;

drive({
  async open(dir) {
    instance = await DuckDBInstance.create(path.join(dir, 'peers.db'));
    connection = await instance.connect();
    // Rows need not keep the order of the file: loading is faster without that promise.
    await connection.run('SET preserve_insertion_order = false');
    await connection.run("SET TimeZone = 'UTC'");
  },
  close() {
    connection.closeSync();
    instance.closeSync();
  },
  exec: (sql) => connection.run(sql),
  ask: async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson(),
  asker: (sql) => prepared(connection, sql),
  client: async (sql) => prepared(await instance.connect(), sql),
});

async function prepared(on, sql) {
  const statement = await on.prepare(sql);
  return () => statement.runAndReadAll();
}
