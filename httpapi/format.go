package httpapi

// format is one way to write a table.
type format struct {
	extension, contentType string
	append                 func(dst []byte, t *table) ([]byte, error)
}

var formats = [...]format{
	{"json", "application/json; charset=utf-8", appendJSON},
	{"csv", "text/csv; charset=utf-8; header=absent", appendCSV},
	{"csvwithnames", "text/csv; charset=utf-8; header=present", appendCSVWithNames},
	{"ndjson", "application/x-ndjson; charset=utf-8", appendNDJSON},
}

// allFormats is the list for error texts.
const allFormats = "json, csv, csvwithnames, ndjson, parquet and prometheus"

func findFormat(extension string) *format {
	for i := range formats {
		if formats[i].extension == extension {
			return &formats[i]
		}
	}
	return nil
}
