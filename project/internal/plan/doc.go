// Package plan answers statements of SQL from what a store knows of rows without reading them: what they add up to.
//
// # Model
//
// [Compile] makes a [Query] of a statement, or says what is not understood; a Query does not change and is safe for concurrent use. It is a
// tree of nodes that make rows: a selection over a join, over another selection, over a table. The tables of a store are two,
// ml_model_predictions, which has the rows with an actual, and predictions, which has all.
//
// A selection over a table of a store that has aggregates is answered from sums. Time is cut where its conditions compare timestamp with
// something (cells) and where functions of timestamp change, such as toStartOfHour (buckets): within such a span all conditions and
// keys have one value for each series. So each series and span is asked for its sums once, its condition decided, its key made, and its
// sums added to those of its group. An aggregate is then read from the sums of its group. What no sum has is an error.
//
// A selection without aggregates over such a table reads rows, in the order of time, as many as its LIMIT.
//
// Everything else is a small table in memory: numbers are those of Go, with the types, the promotions and the NULLs of ClickHouse.
//
// # Errors
//
// What is wrong with a statement is an [*sql.Error]. What is wrong with values alone, such as a division of whole numbers by zero, is one
// too. An answer that would be too long is a [*TooMuchError].
package plan
