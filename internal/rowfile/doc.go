// Package rowfile reads the files of rows that clients have, CSV, Parquet and arrays of JSON, as NDJSON: one line for each row, for the
// decoder of events to take or to reject. Columns that no row may have are dropped, whatever they hold.
//
// A file comes from a stranger. [CSV] keeps one record in memory, [Parquet] the whole file, and [ParquetFile] a page of each column;
// what a file claims costs nothing.
//
// What is wrong with a file as a whole is an [*Error]; an error of the reader that the file comes from is handed on as it
// is. A record of a CSV file that is none costs no other its row: it becomes a line that the decoder rejects.
package rowfile
