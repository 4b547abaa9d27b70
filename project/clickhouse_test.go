//go:build sql

package project_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/endpoint"
)

var (
	pythonFlag     = flag.String("sql.python", "python3", "a Python with chdb")
	statementsFlag = flag.Int("sql.statements", 4000, "how many statements are compared")
	seedFlag       = flag.Uint64("sql.seed", 0, "the seed, 0 for another one each time")
	showFlag       = flag.Int("sql.show", 10, "how many differences and refusals are shown")
)

// clickhouse answers statements by a ClickHouse in a process of its own.
type clickhouse struct {
	t   *testing.T
	in  *json.Encoder
	out *bufio.Reader
}

func startClickHouse(t *testing.T) *clickhouse {
	t.Helper()
	command := exec.CommandContext(t.Context(), *pythonFlag, filepath.Join("..", "compat", "sql.py"))
	command.Env = append(os.Environ(), "TZ=UTC")
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	require.NoError(t, err)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = command.Wait()
	})
	return &clickhouse{t, json.NewEncoder(in), bufio.NewReaderSize(out, 1<<20)}
}

// ask returns an answer, or the error of the other engine.
func (c *clickhouse) ask(request map[string]string) (answer, failed string) {
	c.t.Helper()
	require.NoError(c.t, c.in.Encode(request))
	line, err := c.out.ReadString('\n')
	require.NoError(c.t, err, "the other engine is gone")
	var of struct{ Answer, Error string }
	require.NoError(c.t, json.Unmarshal([]byte(line), &of))
	return of.Answer, of.Error
}

// compact is an answer as JSONCompact has it.
type compact struct {
	Meta []struct{ Name, Type string }
	Data [][]any
}

// TestAgainstClickHouse puts generated statements to ClickHouse too: answers are equal, or refused, and none is wrong.
func TestAgainstClickHouse(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	rows := generateRows(g.Rand, 3000)
	path := filepath.Join(t.TempDir(), "rows.ndjson")
	require.NoError(t, os.WriteFile(path, []byte(ndjson(rows)), 0o600))
	other := startClickHouse(t)
	version, failed := other.ask(map[string]string{"rows": path})
	require.Empty(t, failed)
	t.Log("ClickHouse:", strings.TrimSpace(version))
	ours := openRows(t, rows)

	equal, refused, both, different, theirs := 0, 0, 0, 0, 0
	for range *statementsFlag {
		statement := g.statement()
		g.aliases = 0
		text, failed := other.ask(map[string]string{"q": strings.ReplaceAll(statement, "now()", "toDateTime('"+genNow.Format(time.DateTime)+"')")})
		answer, err := ours.ask(statement)
		switch {
		case err != nil && failed != "":
			if both++; both <= *showFlag {
				t.Logf("both refuse: %s\n  %v\n  %.150s", statement, err, failed)
			}
		case err != nil:
			if refused++; refused <= *showFlag {
				t.Logf("refused: %s\n  %v", statement, err)
			}
		case failed != "":
			if theirs++; theirs <= *showFlag {
				t.Logf("only ClickHouse refuses: %s\n  %s", statement, failed)
			}
		default:
			var want compact
			require.NoError(t, json.Unmarshal([]byte(text), &want), text)
			if why := differs(answer, &want, strings.Contains(statement, "ORDER BY")); why != "" {
				if different++; different <= *showFlag {
					t.Errorf("%s\n  %s", statement, why)
				}
			} else {
				equal++
			}
		}
	}
	t.Logf("%d statements: %d equal, %d refused, %d refused by both, %d only by ClickHouse, %d different", *statementsFlag, equal, refused, both, theirs, different)
	require.Zero(t, different)
	require.Greater(t, equal, *statementsFlag/2)
}

// differs says how an answer differs from that of ClickHouse; in order where the statement has one.
func differs(ours *endpoint.Answer, want *compact, ordered bool) string {
	if len(ours.Columns) != len(want.Meta) {
		return fmt.Sprintf("%d columns, ClickHouse has %d", len(ours.Columns), len(want.Meta))
	}
	for i, c := range ours.Columns {
		if c.Name != want.Meta[i].Name || c.Type.String() != want.Meta[i].Type {
			return fmt.Sprintf("column %s %s, ClickHouse has %s %s", c.Name, c.Type, want.Meta[i].Name, want.Meta[i].Type)
		}
	}
	got := cellsOf(ours)
	if len(got) != len(want.Data) {
		return fmt.Sprintf("%d rows %v, ClickHouse has %d %v", len(got), got, len(want.Data), want.Data)
	}
	if !ordered {
		for _, rows := range [][][]any{got, want.Data} {
			slices.SortFunc(rows, func(a, b []any) int { return strings.Compare(roughly(a), roughly(b)) })
		}
	}
	for i := range got {
		for j := range got[i] {
			if !same(got[i][j], want.Data[i][j]) {
				return fmt.Sprintf("row %d column %d: %v, ClickHouse has %v\n  %v\n  %v", i, j, got[i][j], want.Data[i][j], got[i], want.Data[i])
			}
		}
	}
	return ""
}

// roughly is a row as a text by which rows are put in an order that does not depend on last digits.
func roughly(row []any) string {
	var b strings.Builder
	for _, v := range row {
		if f, ok := v.(float64); ok {
			fmt.Fprintf(&b, "%020.6g|", f)
		} else {
			fmt.Fprintf(&b, "%v|", v)
		}
	}
	return b.String()
}

func same(a, b any) bool {
	x, isX := a.(float64)
	y, isY := b.(float64)
	if isX && isY {
		return x == y || math.Abs(x-y) <= 1e-12*max(math.Abs(x), math.Abs(y))
	}
	return a == b
}
