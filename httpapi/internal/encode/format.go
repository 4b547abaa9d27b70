package encode

import "github.com/residualdb/residual/httpapi/internal/problem"

// Format is one way to write a table.
type Format struct {
	Extension, ContentType string
	// Write writes the rows that are left of t. The error is the output's or the table's.
	Write func(o *Output, t *Table) error
	// Whole is set where nothing can be written before all rows are there, and Numbers where columns of numbers are.
	Whole, Numbers bool
	// Nested is set where values may be arrays and objects.
	Nested bool
	// Packed is set where what is written is compressed by itself.
	Packed bool
	// Bytes is what writing takes beside the pieces, with bulk that of a table in bulk, and copies how many times a long text is
	// there meanwhile.
	Bytes, bulk, copies int64
}

var formats = [...]Format{
	{Extension: "json", ContentType: problem.JSONType, Write: writeJSON, Nested: true},
	{Extension: "jsoncompact", ContentType: problem.JSONType, Write: writeJSONCompact, Nested: true},
	{Extension: "csv", ContentType: "text/csv; charset=utf-8; header=absent", Write: writeCSV},
	{Extension: "csvwithnames", ContentType: "text/csv; charset=utf-8; header=present", Write: writeCSVWithNames},
	{Extension: "ndjson", ContentType: "application/x-ndjson; charset=utf-8", Write: writeNDJSON},
	{Extension: "parquet", ContentType: "application/vnd.apache.parquet", Write: writeParquet, Packed: true, Bytes: smallGroups.holds, bulk: largeGroups.holds, copies: parquetCopies},
	{Extension: "prometheus", ContentType: ExpositionType, Write: writePrometheus, Whole: true, Numbers: true},
}

// FormatNames is the list for error texts.
const FormatNames = "json, jsoncompact, csv, csvwithnames, ndjson, parquet and prometheus"

// Formats returns all formats, which nobody may change.
func Formats() []Format { return formats[:] }

// FindFormat finds a format by its extension; nil if there is none.
func FindFormat(extension string) *Format {
	for i := range formats {
		if formats[i].Extension == extension {
			return &formats[i]
		}
	}
	return nil
}

// Holds is what writing t takes beside the pieces.
func (f *Format) Holds(t *Table) int64 {
	bytes := f.Bytes
	if t.Bulk {
		bytes = f.bulk
	}
	return bytes + t.Held + (2+f.copies)*t.Longest
}

// ended is the error of an answer whose last row was written.
func (o *Output) ended(t *Table) error {
	if o.Err == nil {
		o.Err = t.err
	}
	return o.Err
}
