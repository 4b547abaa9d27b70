// Package toylog is a specimen: the smallest append-only log that survives everything simdisk does to it, and that can be
// built with any of a list of bugs which such logs have had. Tests of simdisk and of the harness above it hold that they find
// nothing in the one and each of the others. Nothing else uses it.
//
// A directory holds files named by number. A file is a sequence of records: length, CRC-32C, sequence number, payload,
// the CRC being over the file number and all else in it. It ends at a sector's end. A record is durable once Append has
// returned nil. After an error the log is of no more use: it must be opened anew.
package toylog
