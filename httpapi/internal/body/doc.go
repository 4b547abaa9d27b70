// Package body reads the bodies of requests.
//
// [Decoders.Open] bounds a body as it is sent, decompressed and in how far it grows. [Lines] hands it on in runs of whole
// lines that depend on its bytes alone, never on how they arrived. A [Hash] tells the bodies under one idempotency key
// apart.
//
// Decoders are safe for concurrent use; all else belongs to one request. What is wrong with a body is a [*problem.Error].
package body
