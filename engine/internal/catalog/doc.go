// Package catalog is what the engine knows in memory: models, their series and months, and of each month the head that takes
// new rows, the frozen heads on their way to a segment, and the sealed segments. A row is in exactly one of these.
//
// The lock of a model, Mu, guards the model and everything below it; two models never wait for each other. The publisher,
// the sealer and the merger write under it, queries read under it. Rows are found by identity (series, time, id), or by id
// alone; what changes of them is applied in heads at once and lies over sealed segments until a checkpoint folds it in.
// While a sealer or a merge reads without the lock, a [Redo] notes the changes for what it makes.
package catalog
