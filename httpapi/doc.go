// Package httpapi serves an event store over HTTP.
//
// Events come in by POST /v0/events, answers go out of /v0/pipes/<name>.<format>; docs/http.md lists every route,
// parameter, limit and status. A [Server] sees only a [Store], which *engine.DB is.
//
// An answer of 200 or 202 to events means that they are durable and visible. One request is one batch. Bad lines never
// cost the good ones of their request; a request that is refused as a whole has stored nothing, except where its
// answer says that the outcome is unknown.
//
// A request passes, from the outside in: its connection (internal/conn), its framing and path, its principal
// (internal/auth), the bounds on what is done at one time (internal/admission), its body (internal/body), its parameters
// (internal/params) or the condition of a deletion (internal/where), the store, and the format and coding of its answer
// (internal/encode, internal/negotiate), which is sent by internal/exchange. Each of them but admission refuses with an error of
// internal/problem; errors.go and the callers of admission map what it returns.
//
// Here are the routes, what a request must pass, and the way of events into the store. What is asked is in internal/pipes; what clients of
// Tinybird ask beside that, in internal/workspace; copies of the store are in internal/backups. These know no server: a call gives them its
// exchange and its store.
//
// Of the bounds on what is done at one time,
//
//	the quota of a caller, connections of one address    429
//	slots, bytes in flight, long answers, memory         503
//	connections of all addresses                         503
//	a body or an answer that would never fit             413
//
// Whatever a client sends is bounded in size and in time by [Limits] before it costs memory. Three things outlive their
// request, each bounded: an answer that is still being sent, a moment that a client copies (internal/lease), and the last
// deletions, to be asked about (GET /v0/jobs/<id>). What is stored is decoded into memory of the store. Logs and metrics
// hold no request, no token and no label that a client chose.
//
// A Server is safe for concurrent use. Every error that a client sees is one JSON object with a sentence and a link;
// errors that are not of a class the engine declares are answered with 500 and logged.
package httpapi
