package rowfile

import (
	"bufio"
	"io"
)

// Records reads the records of a CSV file one by one.
func Records(file io.Reader, comma rune) func() ([]string, error) {
	return newCSVReader(PlainText(bufio.NewReader(file)), comma).read
}
