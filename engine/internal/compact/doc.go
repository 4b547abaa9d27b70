// Package compact makes segments: of the heads of a month ([Compactor.Seal]), and of several segments of it, or of one with its
// edits ([Rewrite]). It puts them where queries find them; which months it is done for, and what of it is durable when, is the
// business of the caller.
//
// Both read without the lock of the model, so that nobody waits for them: queries see what was there until the new segment takes
// its place, at once. Changes of rows that come meanwhile are noted in a [catalog.Redo], which is applied to the new segment
// before it is seen. A [Compactor] is for one goroutine at a time; it takes the lock of a model by itself. Damage of what is read
// is an error of class corrupt.
package compact
