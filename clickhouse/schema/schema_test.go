package schema_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/clickhouse/schema"
)

var rewrite = flag.Bool("schema.rewrite", false, "write the golden files anew")

// TestSchema holds the statements that make the tables to their files: a difference is another version of the tables.
func TestSchema(t *testing.T) {
	for name, l := range map[string]schema.Layout{
		"one":        {Database: "residual"},
		"cluster":    {Database: "residual", Cluster: "eu", Retention: 90 * 24 * time.Hour, ActualsTTL: 30 * 24 * time.Hour},
		"replicated": {Database: "residual", Cluster: "eu", Replicated: true},
	} {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			for _, s := range schema.Statements(l) {
				got.WriteString(s.SQL + ";\n\n")
			}
			file := filepath.Join("testdata", name+".sql")
			if *rewrite {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(file, []byte(got.String()), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), got.String(), "with other tables it takes another Version")
		})
	}
}
