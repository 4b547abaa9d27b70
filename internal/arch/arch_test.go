package arch

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

const module = "github.com/residualdb/residual"

// room is what one package may import.
type room struct {
	// module lists packages of this module, relative to its root.
	module []string

	// outside lists third-party modules or packages; a name covers what lies below it.
	outside []string

	// never lists packages of the standard library that would break what the room promises, with those below them but the spared.
	never, spared []string
}

// rooms is the import table. A package without a row is a violation, and so is a row without a package.
var rooms = map[string]room{
	"event": {module: []string{"internal/columns", "internal/digits", "internal/jsontext"}, never: []string{"net", "net/http", "os"}},
	"segment": {
		module: []string{"internal/columns", "segment/internal/encoding", "segment/internal/exact", "segment/internal/sketch"},
		never:  []string{"net", "os", "sync", "time"}, spared: []string{"sync/atomic"},
	},
	"segment/internal/encoding": {
		module:  []string{"internal/columns", "internal/digits"},
		outside: []string{"github.com/klauspost/compress"},
		never:   []string{"net", "net/http", "os", "sync", "time"},
	},
	"segment/internal/exact":  {module: []string{"internal/columns"}, never: []string{"net", "net/http", "os", "sync", "time"}},
	"segment/internal/sketch": {module: []string{"internal/columns"}, never: []string{"net", "net/http", "os", "sync", "time"}},
	"wal": {
		module: []string{"internal/vfs"},
		never:  []string{"net", "net/http"},
	},
	"engine": {
		module: []string{
			"engine/internal/actuals", "engine/internal/backup", "engine/internal/base", "engine/internal/catalog", "engine/internal/checkpoint", "engine/internal/clock",
			"engine/internal/commit", "engine/internal/head", "engine/internal/idempotency", "engine/internal/positions", "engine/internal/publish", "engine/internal/quarantine", "engine/internal/query", "engine/internal/recent", "engine/internal/record",
			"engine/internal/repair", "engine/internal/retention", "engine/internal/rows", "engine/internal/sidecar", "engine/internal/store", "engine/internal/verdict", "engine/internal/windows",
			"event", "segment", "wal", "internal/thread", "internal/vfs",
		},
		outside: []string{"github.com/puzpuzpuz/xsync/v3"},
		never:   []string{"net", "net/http", "time/tzdata"},
	},
	"engine/internal/checkpoint": {
		module: []string{
			"engine/internal/actuals", "engine/internal/base", "engine/internal/catalog", "engine/internal/clock", "engine/internal/compact",
			"engine/internal/idempotency", "engine/internal/positions", "engine/internal/publish", "engine/internal/quarantine",
			"engine/internal/record", "engine/internal/retention", "engine/internal/sidecar", "engine/internal/store", "wal",
		},
		outside: []string{"github.com/puzpuzpuz/xsync/v3"},
		never:   []string{"net", "net/http", "os"},
	},
	"engine/internal/commit": {
		module: []string{
			"engine/internal/base", "engine/internal/clock", "engine/internal/head", "engine/internal/idempotency", "engine/internal/publish",
			"engine/internal/recent", "engine/internal/record", "internal/thread", "wal",
			"engine/internal/catalog", "engine/internal/positions", "event", // of which tests make a publisher
		},
		outside: []string{"github.com/puzpuzpuz/xsync/v3"},
		never:   []string{"net", "net/http", "os", "time"},
	},
	"engine/internal/retention":   {module: []string{"engine/internal/base", "event"}, never: []string{"net", "net/http", "os", "sync"}},
	"engine/internal/base":        {module: []string{"segment", "wal", "internal/vfs"}, never: []string{"net", "net/http", "os"}},
	"engine/internal/clock":       {module: []string{"engine/internal/base"}, never: []string{"net", "net/http", "os"}},
	"engine/internal/idempotency": {module: []string{"engine/internal/base", "internal/columns"}, never: []string{"net", "net/http", "os"}},
	"engine/internal/positions":   {module: []string{"engine/internal/base", "internal/columns"}, never: []string{"net", "net/http", "os", "time"}},
	"engine/internal/recent":      {never: []string{"net", "net/http", "os", "time"}},
	"engine/internal/record": {
		module: []string{
			"engine/internal/base", "engine/internal/clock", "engine/internal/idempotency", "engine/internal/positions", "event", "internal/columns",
		},
		outside: []string{"github.com/klauspost/compress"},
		never:   []string{"net", "net/http", "os", "sync"},
	},
	"engine/internal/head": {
		module: []string{"engine/internal/base", "event", "segment"},
		never:  []string{"net", "net/http", "os", "time"},
	},
	"engine/internal/store": {
		module: []string{"engine/internal/base", "wal", "internal/columns", "internal/vfs"},
		never:  []string{"net", "net/http", "os"},
	},
	"engine/internal/quarantine": {module: []string{"engine/internal/base", "event", "internal/columns"}, never: []string{"net", "net/http", "os"}},
	"engine/internal/sidecar": {
		module: []string{
			"engine/internal/actuals", "engine/internal/base", "engine/internal/idempotency", "engine/internal/positions", "engine/internal/quarantine", "engine/internal/store",
		},
		never: []string{"net", "net/http", "os", "sync"},
	},
	"engine/internal/compact": {
		module: []string{"engine/internal/base", "engine/internal/catalog", "engine/internal/head", "engine/internal/store", "segment"},
		never:  []string{"net", "net/http", "os", "sync", "time"},
	},
	"engine/internal/backup": {
		module: []string{"engine/internal/base", "engine/internal/store", "wal", "internal/columns", "internal/vfs"},
		never:  []string{"net", "net/http", "os"},
	},
	"engine/internal/repair": {
		module: []string{"engine/internal/base", "engine/internal/sidecar", "engine/internal/store", "segment", "wal", "internal/vfs"},
		never:  []string{"net", "net/http", "os", "sync"},
	},
	"engine/internal/catalog": {
		module: []string{"engine/internal/base", "engine/internal/head", "engine/internal/store", "event", "segment"},
		never:  []string{"net", "net/http", "os"},
	},
	"engine/internal/publish": {
		module: []string{
			"engine/internal/actuals", "engine/internal/base", "engine/internal/catalog", "engine/internal/clock", "engine/internal/head",
			"engine/internal/idempotency", "engine/internal/positions", "engine/internal/record", "event", "segment",
		},
		outside: []string{"github.com/puzpuzpuz/xsync/v3"},
		never:   []string{"net", "net/http", "os"},
	},
	"engine/internal/query": {
		module:  []string{"engine/internal/base", "engine/internal/catalog", "event", "segment"},
		outside: []string{"github.com/puzpuzpuz/xsync/v3"},
		never:   []string{"net", "net/http", "os"},
	},
	"engine/internal/rows": {
		module: []string{
			"engine/internal/base", "engine/internal/catalog", "engine/internal/head", "engine/internal/query", "engine/internal/store", "event", "segment",
			"internal/digits", "internal/jsontext",
		},
		never: []string{"net", "net/http", "os"},
	},
	"engine/internal/verdict": {never: []string{"net", "net/http", "os", "sync", "time"}},
	"engine/internal/windows": {
		module: []string{"engine/internal/base", "engine/internal/query", "internal/wallclock"},
		never:  []string{"net", "net/http", "os", "sync"},
	},
	"engine/internal/actuals": {module: []string{"internal/columns"}, never: []string{"net", "net/http", "os", "sync", "time"}},
	"httpapi": {
		module: []string{
			"engine", "event", "httpapi/internal/admission", "httpapi/internal/auth", "httpapi/internal/backups", "httpapi/internal/body", "httpapi/internal/conn",
			"httpapi/internal/connectors", "httpapi/internal/encode", "httpapi/internal/exchange", "httpapi/internal/openapi", "httpapi/internal/params",
			"httpapi/internal/pipes", "httpapi/internal/problem", "httpapi/internal/telemetry", "httpapi/internal/where", "httpapi/internal/workspace",
			"internal/endpoint", "internal/jsontext", "internal/rowfile", "internal/thread",
		},
		outside: []string{"github.com/valyala/fasthttp"},
		never:   []string{"net/http"},
	},
	"httpapi/internal/admission": {never: []string{"net", "os"}, spared: []string{"net/netip"}},
	"httpapi/internal/auth":      {module: []string{"httpapi/internal/problem"}, never: []string{"net", "net/http"}},
	"httpapi/internal/body": {
		module:  []string{"event", "httpapi/internal/problem"},
		outside: []string{"github.com/klauspost/compress", "github.com/valyala/fasthttp", "github.com/zeebo/xxh3"},
		never:   []string{"net/http", "os"},
	},
	"httpapi/internal/where": {never: []string{"net", "net/http", "os", "sync"}},
	"httpapi/internal/conn": {
		module: []string{"httpapi/internal/problem"}, outside: []string{"github.com/valyala/fasthttp"}, never: []string{"net/http", "os"},
	},
	"httpapi/internal/distribution": {never: []string{"io", "net", "net/http", "os", "sync", "time"}},
	"httpapi/internal/encode": {
		module:  []string{"httpapi/internal/problem", "internal/columns", "internal/jsontext"},
		outside: []string{"github.com/klauspost/compress", "github.com/parquet-go/parquet-go"},
		never:   []string{"net", "net/http", "os", "sync"},
	},
	"httpapi/internal/workspace": {
		module:  []string{"httpapi/internal/auth", "httpapi/internal/exchange", "httpapi/internal/problem", "httpapi/internal/telemetry"},
		outside: []string{"github.com/valyala/fasthttp"},
		never:   []string{"net", "net/http", "os"},
	},
	"httpapi/internal/backups": {
		module:  []string{"engine", "httpapi/internal/auth", "httpapi/internal/exchange", "httpapi/internal/lease", "httpapi/internal/problem", "httpapi/internal/telemetry"},
		outside: []string{"github.com/valyala/fasthttp"},
		never:   []string{"net", "net/http", "os", "sync"},
	},
	"httpapi/internal/connectors": {module: []string{"httpapi/internal/encode"}, never: []string{"io", "net", "net/http", "os", "sync"}},
	"httpapi/internal/exchange": {
		module: []string{
			"httpapi/internal/admission", "httpapi/internal/auth", "httpapi/internal/body", "httpapi/internal/conn", "httpapi/internal/encode",
			"httpapi/internal/negotiate", "httpapi/internal/params", "httpapi/internal/problem", "httpapi/internal/telemetry",
		},
		outside: []string{"github.com/valyala/fasthttp"},
		never:   []string{"net/http", "os"},
	},
	"httpapi/internal/openapi": {
		module: []string{"httpapi/internal/encode", "httpapi/internal/params", "httpapi/internal/pipes", "httpapi/internal/problem", "httpapi/internal/workspace"},
		never:  []string{"io", "net", "net/http", "os", "sync", "time"},
	},
	"httpapi/internal/params": {
		module:  []string{"httpapi/internal/conn", "httpapi/internal/problem", "internal/spelling"},
		outside: []string{"github.com/valyala/fasthttp"},
		never:   []string{"net", "net/http", "os", "sync"},
	},
	"httpapi/internal/pipes": {
		module: []string{
			"engine", "event", "httpapi/internal/auth", "httpapi/internal/connectors", "httpapi/internal/distribution", "httpapi/internal/encode",
			"httpapi/internal/exchange", "httpapi/internal/params", "httpapi/internal/problem", "internal/endpoint", "internal/spelling", "internal/zones",
		},
		outside: []string{"github.com/valyala/fasthttp"},
		never:   []string{"io", "net", "net/http", "os"}, spared: []string{"net/url"},
	},
	"httpapi/internal/telemetry": {module: []string{"engine", "event", "httpapi/internal/encode"}, never: []string{"io", "net", "net/http", "os"}},
	"httpapi/internal/lease":     {never: []string{"net", "net/http", "os"}},
	"httpapi/internal/negotiate": {outside: []string{"github.com/klauspost/compress"}, never: []string{"net", "net/http", "os"}},
	"httpapi/internal/problem": {
		module: []string{"internal/jsontext"}, outside: []string{"github.com/valyala/fasthttp"}, never: []string{"net", "net/http", "os", "sync"},
	},
	"cmd/residual": {
		module: []string{
			"clickhouse", "clickhouse/schema", "engine", "event", "httpapi", "wal", "cmd/residual/internal/agent", "cmd/residual/internal/arg", "cmd/residual/internal/client", "cmd/residual/internal/export", "cmd/residual/internal/folder",
			"cmd/residual/internal/input", "cmd/residual/internal/progress", "cmd/residual/internal/serve", "cmd/residual/internal/starter", "cmd/residual/internal/trial", "project", "project/deployments", "internal/plaintext",
			"internal/rowfile", "internal/spelling", "internal/vfs", "internal/workload",
		},
		outside: []string{"github.com/klauspost/compress", "github.com/spf13/cobra", "github.com/spf13/pflag"},
	},
	"cmd/residual/internal/folder": {module: []string{"cmd/residual/internal/arg", "project"}, never: []string{"net", "net/http", "sync", "time"}},
	"cmd/residual/internal/serve": {
		module: []string{
			"clickhouse", "dashboard", "engine", "httpapi", "wal", "cmd/residual/internal/agent", "cmd/residual/internal/arg", "cmd/residual/internal/folder", "project", "project/deployments", "source", "internal/plaintext",
			"internal/vfs",
		},
		outside: []string{"github.com/spf13/pflag", "github.com/valyala/fasthttp"},
		never:   []string{"net/http"},
	},
	"docs": {never: []string{"net", "net/http", "os"}},
	"cmd/residual/internal/agent": {
		module:  []string{"cmd/residual/internal/client", "docs"},
		outside: []string{"github.com/modelcontextprotocol/go-sdk", "github.com/valyala/fasthttp"},
		never:   []string{"os"},
	},
	"source": {
		module: []string{"engine", "event", "source/internal/connector", "source/internal/files", "source/internal/kafka"}, never: []string{"net/http", "os"},
	},
	"source/internal/connector": {module: []string{"engine", "event"}, never: []string{"net", "net/http", "os"}},
	"source/internal/files": {
		module:  []string{"engine", "event", "internal/plaintext", "internal/rowfile", "source/internal/connector"},
		outside: []string{"github.com/klauspost/compress", "github.com/minio/minio-go/v7"},
	},
	"source/internal/kafka": {
		module: []string{"event", "source/internal/connector"}, outside: []string{"github.com/twmb/franz-go"}, never: []string{"net/http", "os"},
	},
	"clickhouse/schema": {never: []string{"net/http"}},
	"clickhouse": {
		module:  []string{"clickhouse/schema", "engine", "event", "internal/columns", "segment"},
		outside: []string{"github.com/ClickHouse/clickhouse-go/v2", "github.com/go-faster/city", "github.com/klauspost/compress"}, never: []string{"net/http"},
	},
	"dashboard": {
		outside: []string{"github.com/klauspost/compress", "github.com/tsenart/vegeta/v12/lib/plot", "github.com/valyala/fasthttp"},
		never:   []string{"net", "net/http", "os", "time"},
	},
	// A module of its own, so that the protocol of browsers is nothing that the program depends on.
	"dashboard/browser": {outside: []string{"github.com/chromedp/cdproto", "github.com/chromedp/chromedp"}},
	"project": {
		module: []string{"engine", "event", "internal/endpoint", "internal/rowname", "internal/spelling", "project/internal/plan", "project/internal/sql", "project/internal/template"},
		never:  []string{"net/http", "os"},
	},
	"project/internal/sql":      {never: []string{"io", "net", "net/http", "os", "sync", "time"}},
	"project/internal/template": {never: []string{"io", "net", "net/http", "os", "sync"}},
	"project/internal/plan": {
		module: []string{"engine", "event", "internal/endpoint", "internal/jsontext", "internal/spelling", "project/internal/sql"},
		never:  []string{"io", "net", "net/http", "os", "sync"},
	},
	"internal/endpoint":   {module: []string{"engine"}, never: []string{"io", "net", "net/http", "os", "sync"}},
	"internal/spelling":   {never: []string{"io", "net", "net/http", "os", "sync", "time"}},
	"bench":               {module: []string{"engine", "event", "httpapi", "internal/workload", "source"}, outside: []string{"github.com/valyala/fasthttp"}},
	"project/deployments": {module: []string{"internal/vfs", "project"}, never: []string{"net", "net/http", "os"}},
	"cmd/residual/internal/export": {
		module:  []string{"cmd/residual/internal/client", "internal/rowname"},
		outside: []string{"github.com/klauspost/compress", "github.com/parquet-go/parquet-go", "golang.org/x/sys"},
	},
	"cmd/residual/internal/arg": {
		module: []string{"engine"}, outside: []string{"github.com/spf13/cobra", "github.com/spf13/pflag"}, never: []string{"io", "net", "net/http", "os", "sync"},
	},
	"cmd/residual/internal/input": {
		module:  []string{"cmd/residual/internal/client", "engine", "event", "internal/rowfile"},
		outside: []string{"github.com/klauspost/compress"},
		never:   []string{"net", "net/http", "sync"}, spared: []string{"net/url"},
	},
	"cmd/residual/internal/progress": {
		module:  []string{"cmd/residual/internal/arg", "cmd/residual/internal/client"},
		outside: []string{"github.com/schollz/progressbar/v3"}, never: []string{"net", "net/http", "sync"},
	},
	"cmd/residual/internal/starter": {never: []string{"net", "net/http", "os"}},
	"cmd/residual/internal/trial":   {module: []string{"internal/plaintext"}, outside: []string{"go.yaml.in/yaml/v4"}, never: []string{"net", "net/http", "os"}},
	"bench/peers":                   {module: []string{"engine", "internal/testing/memory"}},
	"internal/arch":                 {},
	"cmd/residual/internal/client":  {module: []string{"engine", "internal/plaintext"}},
	"internal/columns":              {never: []string{"io", "net", "net/http", "os", "sync", "time"}},
	"internal/digits":               {never: []string{"io", "net", "net/http", "os", "sync", "time"}},
	"internal/parquet": {
		outside: []string{"github.com/andybalholm/brotli", "github.com/klauspost/compress", "github.com/pierrec/lz4/v4"},
		never:   []string{"net", "net/http", "os", "sync", "time"},
	},
	"internal/rowfile": {
		module: []string{"event", "internal/jsontext", "internal/parquet", "internal/plaintext", "internal/rowname"},
		never:  []string{"net", "net/http", "os", "sync", "time/tzdata"},
	},
	"internal/rowname":            {never: []string{"io", "net", "net/http", "os", "sync", "time"}},
	"internal/testing/clickhouse": {outside: []string{"github.com/stretchr/testify"}},
	"internal/testing/clusters": {
		module:  []string{"clickhouse", "clickhouse/schema", "engine", "event", "httpapi", "internal/testing/clickhouse", "internal/testing/memory", "internal/testing/random", "internal/testing/storetest", "internal/workload", "source"},
		outside: []string{"github.com/ClickHouse/clickhouse-go/v2", "github.com/stretchr/testify", "github.com/twmb/franz-go"},
	},
	"internal/testing/crashtest": {module: []string{"internal/testing/race", "internal/testing/simdisk"}},
	"internal/testing/fakes3":    {},
	"internal/testing/faults":    {},
	"internal/testing/golden":    {module: []string{"internal/testing/memory"}, outside: []string{"github.com/stretchr/testify"}},
	"internal/jsontext":          {never: []string{"io", "net", "net/http", "os", "sync", "time"}},
	"internal/testing/memory":    {},
	"internal/testing/mutants":   {},
	"internal/plaintext":         {never: []string{"io", "os"}},
	"internal/thread":            {outside: []string{"golang.org/x/sys"}},
	"internal/vfs":               {outside: []string{"golang.org/x/sys"}},
	"internal/testing/patience":  {},
	"internal/testing/race":      {},
	"internal/testing/random":    {module: []string{"internal/testing/race"}},
	"internal/testing/simdisk":   {module: []string{"internal/vfs"}},
	"internal/testing/storetest": {module: []string{"engine", "event", "httpapi", "internal/zones"}, outside: []string{"github.com/stretchr/testify"}},

	"internal/testing/simdisk/toylog": {module: []string{"internal/vfs"}},
	"internal/wallclock":              {},
	"internal/workload":               {module: []string{"event"}},
	"internal/zones":                  {never: []string{"net", "os", "time/tzdata"}},
	"internal/zones/generate":         {},
}

// forTests is what any test may import besides its room's row, its own package and the internal packages.
var forTests = []string{
	"github.com/getkin/kin-openapi/openapi3", "github.com/klauspost/compress", "github.com/parquet-go/parquet-go", "github.com/go-json-experiment/json", "github.com/minio/minio-go/v7", "github.com/stretchr/testify/require", "github.com/twmb/franz-go",
	"go.uber.org/goleak", "github.com/modelcontextprotocol/go-sdk/mcp",
}

// light is all that a program pulls in by importing engine.
var light = []string{"github.com/klauspost/compress", "github.com/puzpuzpuz/xsync/v3", "golang.org/x/sys"}

func TestImports(t *testing.T) {
	root := moduleRoot(t)
	violations, err := check(os.DirFS(root), rooms)
	require.NoError(t, err)
	require.Empty(t, violations)
}

func TestEngineStaysLight(t *testing.T) {
	outside := map[string]bool{}
	for _, dir := range reachable(rooms, "engine") {
		for _, name := range rooms[dir].outside {
			outside[name] = true
		}
	}
	require.Equal(t, light, slices.Sorted(maps.Keys(outside)))
}

// TestDesignHasEachPackage holds the tables of packages in docs/design.md to the import table.
func TestDesignHasEachPackage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(moduleRoot(t), "docs", "design.md"))
	require.NoError(t, err)
	listed := packagesListed(string(page))
	below := func(name, dir string) bool {
		return name == dir || strings.HasSuffix(name, "/…") && strings.HasPrefix(dir, strings.TrimSuffix(name, "…"))
	}
	for dir := range rooms {
		require.True(t, slices.ContainsFunc(listed, func(name string) bool { return below(name, dir) }), "docs/design.md does not list %s", dir)
	}
	for _, name := range listed {
		known := slices.ContainsFunc(slices.Collect(maps.Keys(rooms)), func(dir string) bool { return below(name, dir) })
		require.True(t, known, "docs/design.md lists %s, which is no package", name)
	}
}

func TestPackagesListed(t *testing.T) {
	page := strings.Join([]string{
		"| room | what it is |", "|---|---|", "| [`a`](../a), `a/b` | not `this` |", "",
		"| package of `a/internal` | what it is |", "|---|---|", "| `c`, `d/…` | |", "", "| word | meaning |", "|---|---|", "| `e` | |",
	}, "\n")
	require.Equal(t, []string{"a", "a/b", "a/internal/c", "a/internal/d/…"}, packagesListed(page))
}

// packagesListed returns what stands between backquotes in the first column of the tables of packages on a page: of those whose
// head is "room", and of those whose head is "package of" a directory, which their names are below.
func packagesListed(page string) []string {
	quoted := regexp.MustCompile("`([^`]+)`")
	var listed []string
	inTable, under := false, ""
	for line := range strings.Lines(page) {
		cells := strings.Split(line, "|")
		if len(cells) < 2 {
			inTable, under = false, ""
			continue
		}
		first := strings.TrimSpace(cells[1])
		names := quoted.FindAllStringSubmatch(first, -1)
		switch {
		case first == "room":
			inTable = true
		case strings.HasPrefix(first, "package of "):
			inTable, under = true, names[0][1]
		case inTable:
			for _, name := range names {
				listed = append(listed, path.Join(under, name[1]))
			}
		}
	}
	return listed
}

// TestRoomsAreALine holds the table itself to the direction: no package may reach itself.
func TestRoomsAreALine(t *testing.T) {
	for dir, r := range rooms {
		for _, below := range r.module {
			require.NotContains(t, reachable(rooms, below), dir, "%s imports %s", dir, below)
		}
	}
}

func TestCheckFindsWhatIsPlanted(t *testing.T) {
	table := map[string]room{
		"low":  {never: []string{"os"}},
		"high": {module: []string{"low"}, outside: []string{"example.com/good/v2"}},
	}
	tree := func(low, lowTest, high string) fstest.MapFS {
		return fstest.MapFS{
			"low/low.go":       {Data: []byte("package low\n" + low)},
			"low/low_test.go":  {Data: []byte("package low_test\n" + lowTest)},
			"high/high.go":     {Data: []byte("package high\n" + high)},
			"high/testdata/x":  {Data: []byte("not Go")},
			".hidden/other.go": {Data: []byte("package hidden\nimport \"example.com/bad\"\n")},
		}
	}
	f := func(name string, files fstest.MapFS, want ...string) {
		t.Helper()
		got, err := check(files, table)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}

	const good = "import (\n\"example.com/good/v2/sub\"\n\"" + module + "/low\"\n)"
	f("clean", tree("import \"time\"", "import \"go.uber.org/goleak\"", good))
	f("not needed", tree("", "", "import \"example.com/good/v2/sub\""), "high may import low and does not")
	f("points back", tree("import \""+module+"/high\"", "", good),
		"low/low.go imports "+module+"/high: not in the table")
	f("unknown third party", tree("", "", good+"\nimport \"example.com/good/v20\""),
		"high/high.go imports example.com/good/v20: not in the table")
	f("forbidden by the promise", tree("import \"os\"", "", good),
		"low/low.go imports os: breaks what the package promises")
	f("forbidden below the promise", tree("import \"os/exec\"", "", good),
		"low/low.go imports os/exec: breaks what the package promises")
	f("a test may", tree("", "import (\n\"os\"\n\""+module+"/low\"\n\""+module+"/internal/workload\"\n)", good))
	f("a test may not", tree("", "import \"github.com/stretchr/testify/assert\"", good),
		"low/low_test.go imports github.com/stretchr/testify/assert: not in the table")

	files := tree("", "", "")
	files["new/new.go"] = &fstest.MapFile{Data: []byte("package new\n")}
	delete(files, "high/high.go")
	f("tables and trees differ", files, "high: a row without a package", "new: a package without a row")
}

// check returns what in the tree breaks the table, and what in the table nothing in the tree needs, sorted.
func check(tree fs.FS, table map[string]room) ([]string, error) {
	var violations []string
	seen, used := map[string]bool{}, map[string]bool{}
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if base := entry.Name(); name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		imports, err := importsOf(tree, name)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		r, ok := table[dir]
		if !ok && !seen[dir] {
			violations = append(violations, dir+": a package without a row")
		}
		seen[dir] = true
		if !ok {
			return nil
		}
		for _, imported := range imports {
			used[dir+" "+r.permits(imported)] = true
			if fault := r.fault(dir, imported, strings.HasSuffix(name, "_test.go")); fault != "" {
				violations = append(violations, fmt.Sprintf("%s imports %s: %s", name, imported, fault))
			}
		}
		return nil
	})
	for dir, r := range table {
		if !seen[dir] {
			violations = append(violations, dir+": a row without a package")
			continue
		}
		for _, name := range slices.Concat(r.module, r.outside) {
			if !used[dir+" "+name] {
				violations = append(violations, dir+" may import "+name+" and does not")
			}
		}
	}
	slices.Sort(violations)
	return violations, err
}

// fault says what is wrong with one import of a file in dir; "" if nothing is.
func (r room) fault(dir, imported string, test bool) string {
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		if !test && !slices.Contains(r.spared, imported) && slices.ContainsFunc(r.never, func(name string) bool { return covers(name, imported) }) {
			return "breaks what the package promises"
		}
		return ""
	}
	inside, ok := strings.CutPrefix(imported, module+"/")
	forTest := ok && (inside == dir || strings.HasPrefix(inside, "internal/")) ||
		slices.ContainsFunc(forTests, func(name string) bool { return covers(name, imported) })
	if r.permits(imported) != "" || test && forTest {
		return ""
	}
	return "not in the table"
}

// permits returns the entry of the row that an import falls under; "" if there is none.
func (r room) permits(imported string) string {
	if inside, ok := strings.CutPrefix(imported, module+"/"); ok && slices.Contains(r.module, inside) {
		return inside
	}
	for _, name := range r.outside {
		if covers(name, imported) {
			return name
		}
	}
	return ""
}

// covers tells whether an import is of a module or package, or below it.
func covers(name, imported string) bool {
	return imported == name || strings.HasPrefix(imported, name+"/")
}

func importsOf(tree fs.FS, name string) ([]string, error) {
	source, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	imports := make([]string, len(file.Imports))
	for i, spec := range file.Imports {
		if imports[i], err = strconv.Unquote(spec.Path.Value); err != nil {
			return nil, err
		}
	}
	return imports, nil
}

// reachable returns dir and every package of the module below it in the table.
func reachable(table map[string]room, dir string) []string {
	found := []string{dir}
	for i := 0; i < len(found); i++ {
		for _, below := range table[found[i]].module {
			if !slices.Contains(found, below) {
				found = append(found, below)
			}
		}
	}
	return found
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, dir, parent, "no go.mod above the test")
		dir = parent
	}
}
