package export

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Part is one partition of a folder: the rows of a model in a month of UTC.
type Part struct {
	Model string
	Month time.Time
	// From and To are the bounds of the rows, within the month.
	From, To time.Time
	// pattern is what the pipe is asked for, so that it answers with the model alone.
	pattern string
}

// folder is where the partition lies, relative to the export. The partition is named model and not model_id, which is a column of the
// files: readers take the type of a partition's column from its values, and refuse a folder in which a model named 7 is a number in
// one place and a text in the other.
func (p *Part) folder(foldsCase bool) string {
	return filepath.Join("month="+p.Month.Format(monthLayout), "model="+escape(p.Model, foldsCase))
}

const (
	monthLayout  = "2006-01"
	momentLayout = "2006-01-02 15:04:05.000"
)

// Moment is a time as pipes take it.
func Moment(t time.Time) string { return t.UTC().Format(momentLayout) }

// nextMonth is the start of the month after that of t, in UTC.
func nextMonth(t time.Time) time.Time { return monthOf(t).AddDate(0, 1, 0) }

// monthOf is the start of the month of t, in UTC.
func monthOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

const (
	// escapedBytesMax leaves room in a file name, which has up to 255 bytes, for the name of the partition.
	escapedBytesMax = 200
	// hiveNull is what readers take for no value, escaped or not.
	hiveNull = "__HIVE_DEFAULT_PARTITION__"
)

// escape is a name as a part of a path, with percent escapes as Hive, Spark, DuckDB and Arrow undo them. Different names have different
// escapes, also where a file system folds case. A long one ends in a tilde and a digest, which stand for the rest of the name.
func escape(name string, foldsCase bool) string {
	if name == hiveNull {
		return digest(name)
	}
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		plain := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' && !foldsCase || c == '_' || c == '-' || c == '.'
		if plain {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
		if b.Len() > escapedBytesMax {
			start := b.String()[:escapedBytesMax]
			if at := strings.LastIndexByte(start, '%'); at > len(start)-len("%00") {
				start = start[:at]
			}
			return start + digest(name)
		}
	}
	return b.String()
}

// digest stands for a name, or the rest of it.
func digest(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "~" + hex.EncodeToString(sum[:16])
}
