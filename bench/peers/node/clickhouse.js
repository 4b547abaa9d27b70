'use strict';

// ClickHouse in this process.

const { Session } = require('chdb');
const { drive } = require('./driver');

let session;

drive({
  open(dir) {
    session = new Session(dir);
    session.query('CREATE DATABASE IF NOT EXISTS peers');
    session.query('USE peers');
  },
  close: () => session.close(),
  exec: (sql) => session.query(sql),
  ask: (sql) => lines(session.query(sql, 'JSONEachRow')),
  asker: (sql) => () => session.query(sql, 'JSONEachRow'),
  client: (sql) => () => session.queryAsync(sql, { format: 'JSONEachRow' }),
});

function lines(text) {
  return text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));
}
