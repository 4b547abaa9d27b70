package httpapi

// outputFormat is one way to write a table.
type outputFormat struct {
	extension, contentType string
	// write writes the rows that are left of t. The error is the output's or the table's.
	write func(o *output, t *table) error
	// whole is set where nothing can be written before all rows are there.
	whole bool
	// bytes is what writing takes beside the pieces, and copies how many times a long text is there meanwhile.
	bytes, copies int64
}

var formats = [...]outputFormat{
	{extension: "json", contentType: jsonType, write: writeJSON},
	{extension: "csv", contentType: "text/csv; charset=utf-8; header=absent", write: writeCSV},
	{extension: "csvwithnames", contentType: "text/csv; charset=utf-8; header=present", write: writeCSVWithNames},
	{extension: "ndjson", contentType: "application/x-ndjson; charset=utf-8", write: writeNDJSON},
	{extension: "parquet", contentType: "application/vnd.apache.parquet", write: writeParquet, bytes: parquetBytes, copies: parquetCopies},
	{extension: "prometheus", contentType: expositionType, write: writePrometheus, whole: true},
}

// allFormats is the list for error texts.
const allFormats = "json, csv, csvwithnames, ndjson, parquet and prometheus"

func findFormat(extension string) *outputFormat {
	for i := range formats {
		if formats[i].extension == extension {
			return &formats[i]
		}
	}
	return nil
}

// holds is what writing t takes beside the pieces.
func (f *outputFormat) holds(t *table) int64 { return f.bytes + t.held + (2+f.copies)*t.longest }

// ended is the error of an answer whose last row was written.
func (o *output) ended(t *table) error {
	if o.err == nil {
		o.err = t.err
	}
	return o.err
}
