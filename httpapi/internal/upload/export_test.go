package upload

import "io"

// Records reads the records of a CSV file one by one.
func Records(file io.Reader, comma rune) func() ([]string, error) {
	r := &csvReader{from: withoutMark(file), comma: string(comma), line: 1, column: 1}
	return r.read
}
