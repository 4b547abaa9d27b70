// Package parquet reads the values of Parquet files that strangers wrote: [Open] reads what a file says of itself, [File.Columns] the
// values of chosen leaves, page by page. Only their bytes are read; other columns may hold what they like.
//
// A page of some bytes can claim any number of values, and any size once decompressed. Nothing here is allocated because of a claim
// that the file has no bytes for, but for a page decompressed, which the limits bound; values are decoded one by one as they are asked
// for. So a file costs its footer, and of each chosen leaf one page and one dictionary.
//
// Answers are written by github.com/parquet-go/parquet-go, which is not used to read: it refuses what other writers pad or leave empty,
// allocates what is claimed, and warns on standard error.
package parquet
