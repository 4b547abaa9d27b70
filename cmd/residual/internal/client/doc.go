// Package client speaks to a running Residual server: it loads files of events, asks the endpoints, and fetches the files of a moment
// that the server holds.
//
// [Client.Load] cuts a stream into batches of whole lines and sends them over several connections at once. The
// Idempotency-Key of a batch is made of its place in the stream and of its content, so a batch that is sent again,
// after a lost answer or by running the same load anew, is stored once; cutting depends on the stream and the batch
// size alone, unless the stream is said to pause. Of a file the kernel sends the bytes, and a key is made of a batch's place, length and
// ends, or of all its bytes where the server has another batch under that key. A request that the server cannot take now (429, 503) or
// that fails on the wire is sent again, not before the server's Retry-After; any other refusal ends the load.
//
// A moment ([Client.BeginBackup]) is renewed until it is closed; a file whose answer breaks off is asked for again from where it broke
// off.
//
// A Client is safe for concurrent use. Errors that came from the server are of type [*StatusError].
package client
