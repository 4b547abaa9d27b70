package export

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"

	"github.com/residualdb/residual/internal/rowname"
)

// The formats that rows are written in.
const (
	Parquet = "parquet"
	NDJSON  = "ndjson"
	CSV     = "csv"
)

// The ways in which files are compressed. Parquet is compressed inside.
const (
	Plain = "none"
	Gzip  = "gzip"
	Zstd  = "zstd"
)

// Formats and Compressions are all that there are.
var (
	Formats      = []string{Parquet, NDJSON, CSV}
	Compressions = []string{Plain, Gzip, Zstd}
)

// Question is which rows are exported, and how they are written.
type Question struct {
	Format      string `json:"format"`
	Compression string `json:"compression"`
	// Parameters are those of the pipe predictions.
	Parameters url.Values `json:"parameters"`
}

// ByName returns the format and the compression that a file's name tells. The format is empty if it tells none that is written: what is
// called .json or .tsv would be something else.
func ByName(name string) (format, compression string) {
	format, compression = rowname.Of(name)
	if extension, _ := rowname.Extension(name); extension == ".json" || extension == ".tsv" {
		format = ""
	}
	return format, cmp.Or(compression, Plain)
}

// Check returns an error for a format that cannot be compressed so.
func (q *Question) Check() error {
	if q.Format == Parquet && q.Compression != Plain {
		return fmt.Errorf("parquet is compressed inside; a file of it is not compressed with %s", q.Compression)
	}
	return nil
}

// partName is the name of the file of a partition.
func (q *Question) partName() string {
	name := "part-0." + q.Format
	switch q.Compression {
	case Gzip:
		name += ".gz"
	case Zstd:
		name += ".zst"
	}
	return name
}

// of returns the parameters for a part of the rows.
func (q *Question) of(p *Part) url.Values {
	values := url.Values{}
	for name, given := range q.Parameters {
		values[name] = slices.Clone(given)
	}
	values.Set("model_id", p.pattern)
	values.Set("from", Moment(p.From))
	values.Set("to", Moment(p.To))
	return values
}
