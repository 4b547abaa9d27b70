// Package auth has the tokens of a data directory, or those that servers share, their scopes and the models that these are bounded to, and the principals
// that they stand for.
//
// A directory holds the SHA-256 of each token, in one file that is replaced as a whole: a token is shown once, when it is
// created. Servers that share their tokens have the same as a text with a version, by which of two changes at once the second begins anew.
// One more may be in a file that is mounted from elsewhere, for a server without a hand to create one. [Tokens]
// follows what there is. A [Principal] is all that the rest of the server needs to know of who asks.
//
// Tokens is safe for concurrent use. Commands that cannot be carried out as given fail with [ErrToken]; a request that is
// refused fails with a [*problem.Error].
package auth
