// Package connectors is what a server shows of what fetches events for it: their states, to people, to programs that watch, and to Prometheus.
//
// [Connectors] is what the server needs of them; nothing here knows what they read. All functions are safe for concurrent use if it is, and return
// no errors.
package connectors
