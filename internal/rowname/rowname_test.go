package rowname_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/rowname"
)

func TestOf(t *testing.T) {
	f := func(name, format, compression string) {
		t.Helper()
		gotFormat, gotCompression := rowname.Of(name)
		require.Equal(t, []string{format, compression}, []string{gotFormat, gotCompression}, name)
	}
	f("s3://bucket.csv/in/*.NDJSON", "ndjson", "")
	f("a.json", "ndjson", "")
	f("a.jsonl.ZST", "ndjson", "zstd")
	f("a.b.tsv.gzip", "csv", "gzip")
	f("a.csv.zstd", "csv", "zstd")
	f("a.pq", "parquet", "")
	f("dir.parquet/a.gz", "", "gzip")
	f("a.csv.bz2", "", "")
	f("a.gz.csv", "csv", "")
	f(".gz", "", "gzip")
	f("a", "", "")
	f("", "", "")
}
