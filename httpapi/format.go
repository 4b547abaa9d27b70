package httpapi

// outputFormat is one way to write a table.
type outputFormat struct {
	extension, contentType string
	append                 func(dst []byte, t *table) ([]byte, error)
}

var formats = [...]outputFormat{
	{"json", jsonType, appendJSON},
	{"csv", "text/csv; charset=utf-8; header=absent", appendCSV},
	{"csvwithnames", "text/csv; charset=utf-8; header=present", appendCSVWithNames},
	{"ndjson", "application/x-ndjson; charset=utf-8", appendNDJSON},
	{"parquet", "application/vnd.apache.parquet", appendParquet},
	{"prometheus", expositionType, appendPrometheus},
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
