package client

import (
	"bytes"
	"encoding/csv"
	"iter"
	"slices"
	"strings"
)

// The formats of a stream.
const (
	formatNDJSON = "ndjson"
	formatCSV    = "csv"
)

var contentTypes = map[string]string{formatNDJSON: "application/x-ndjson", formatCSV: "text/csv"}

// Delimiters are those that a header is tried with.
const Delimiters = ",;\t|"

// columns are names of which a header has at least one.
var columns = []string{
	"timestamp", "model_id", "prediction_id", "features", "predicted_value", "actual_value", "model_version", "environment",
}

// IsHeader tells whether a record of CSV, as it begins a file, names a column of a data source.
func IsHeader(record string, delimiter rune) bool {
	reader := csv.NewReader(strings.NewReader(strings.TrimPrefix(record, byteOrderMark)))
	reader.Comma, reader.LazyQuotes = delimiter, true
	fields, err := reader.Read()
	return err == nil && slices.ContainsFunc(fields, func(field string) bool {
		return slices.Contains(columns, strings.ToLower(strings.TrimSpace(field)))
	})
}

const byteOrderMark = "\xEF\xBB\xBF"

// recordSplitter cuts CSV between records. Batches after the first have the header before them, if there is one.
type recordSplitter struct {
	lines  *splitter
	header []byte
}

func (s *recordSplitter) next(buf []byte) (batch, error) {
	s.lines.lastEnd = lastRecordEnd
	first := s.lines.offset == 0
	b, err := s.lines.next(buf)
	if err != nil || !first {
		b.head = s.header
		return b, err
	}
	record := b.body
	for end := range recordEnds(b.body) {
		record = b.body[:end]
		break
	}
	if strings.ContainsFunc(Delimiters, func(delimiter rune) bool { return IsHeader(string(record), delimiter) }) {
		s.header = append(bytes.TrimRight(bytes.Clone(record), "\r\n"), '\n')
	}
	return b, nil
}

// lastRecordEnd returns the end of the last record in a run of them: a line's end inside quotes ends none.
func lastRecordEnd(records []byte) int {
	last := 0
	for end := range recordEnds(records) {
		last = end
	}
	return last
}

// recordEnds yields where each record in a run of them ends.
func recordEnds(records []byte) iter.Seq[int] {
	return func(yield func(int) bool) {
		quoted := false
		for i, c := range records {
			if c == '"' {
				quoted = !quoted
			}
			if c == '\n' && !quoted && !yield(i+1) {
				return
			}
		}
	}
}
