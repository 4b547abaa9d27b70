// Package wal is the log: opaque records, written in groups, synced before they are acknowledged, replayed at the start.
package wal
