// Package where reads the condition of a deletion, in the part of ClickHouse's SQL that sums and whole blocks can follow.
//
// # Language
//
// A condition is terms with AND between them and parentheses around any of them. A term compares a column with literals:
//
//	model_id = 'a'                              also model_version, environment and prediction_id, and == for =
//	model_id IN ('a', 'b')
//	timestamp >= '2026-11-01 00:00:00'          also >, <, <=, = and ==
//	timestamp BETWEEN '2026-11-01' AND '2026-11-30'
//
// Words in any case, names in backquotes or without. Text is in single quotes, with the escapes of ClickHouse. A time is a text,
// or one in toDateTime, toDateTime64, toDate or parseDateTimeBestEffort, or toDateTime of Unix seconds, or now(), from which an
// INTERVAL may be taken. Times are UTC. A time without a fraction is of a second, as a DateTime is: = means all of it, <= goes
// to its end.
//
// # Errors
//
// Everything else is an [Error], which says what is not understood and where. Nothing is guessed. [Parse] takes time in
// proportion to the text.
package where
