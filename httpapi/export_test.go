package httpapi

import "io"

// CSVRowsForTest is the NDJSON of a CSV file of predictions.
func CSVRowsForTest(file io.Reader, delimiter string) (io.Reader, error) {
	return newCSVRows(file, &sources[0], delimiter)
}
