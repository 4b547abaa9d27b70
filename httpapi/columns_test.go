package httpapi_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
)

// TestColumnsAndDigits asks every pipe for some of its columns, rounded, in every format, and holds the answer to what the whole
// answer in JSON has in their places.
func TestColumnsAndDigits(t *testing.T) {
	const seed = 5
	random := rand.New(rand.NewPCG(seed, 0))
	server := start(t, httpapi.Options{Connectors: twoConnectors()})
	var listed struct{ Pipes []struct{ Name string } }
	_, body := server.do(t, "GET", "/v0/pipes", nil)
	require.NoError(t, json.Unmarshal([]byte(body), &listed))
	for _, pipe := range listed.Pipes {
		if pipe.Name == "status" {
			continue // which has no two answers alike
		}
		_, body := server.do(t, "GET", "/v0/pipes/"+pipe.Name+".json", nil)
		var whole struct {
			Meta []struct{ Name, Type string }
			Data []map[string]any
		}
		require.NoError(t, json.Unmarshal([]byte(body), &whole))
		require.NotEmpty(t, whole.Data)
		for round := range 8 {
			digits := 1 + random.IntN(17)
			order := random.Perm(len(whole.Meta))[:1+random.IntN(len(whole.Meta))]
			names, values := make([]string, len(order)), url.Values{"digits": {strconv.Itoa(digits)}}
			for i, j := range order {
				names[i] = whole.Meta[j].Name
			}
			values.Set("columns", strings.Join(names, ", "))
			want := make([][]any, len(whole.Data))
			for i, row := range whole.Data {
				for _, j := range order {
					value := row[whole.Meta[j].Name]
					if f, ok := value.(float64); ok && strings.Contains(whole.Meta[j].Type, "Float") {
						value, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'e', digits-1, 64), 64)
					}
					want[i] = append(want[i], value)
				}
			}
			ask := func(format string) string {
				resp, body := server.do(t, "GET", "/v0/pipes/"+pipe.Name+"."+format+"?"+values.Encode(), nil)
				require.Equal(t, http.StatusOK, resp.StatusCode, body)
				return body
			}
			what := fmt.Sprintf("seed %d, round %d of %s: %v to %d digits", seed, round, pipe.Name, names, digits)
			var compact struct {
				Meta []struct{ Name string }
				Data [][]any
				Rows int
			}
			require.NoError(t, json.Unmarshal([]byte(ask("jsoncompact")), &compact))
			require.Equal(t, want, compact.Data, what)
			require.Equal(t, len(want), compact.Rows)
			for i, column := range compact.Meta {
				require.Equal(t, names[i], column.Name)
			}
			var plain struct{ Data []map[string]any }
			require.NoError(t, json.Unmarshal([]byte(ask("json")), &plain))
			lines := json.NewDecoder(strings.NewReader(ask("ndjson")))
			for i := range want {
				var line map[string]any
				require.NoError(t, lines.Decode(&line))
				require.Equal(t, line, plain.Data[i])
				require.Len(t, line, len(names))
				for k, name := range names {
					require.Equal(t, want[i][k], line[name], what)
				}
			}
			records, err := csv.NewReader(strings.NewReader(ask("csvwithnames"))).ReadAll()
			require.NoError(t, err)
			require.Equal(t, names, records[0])
			for i, record := range records[1:] {
				for k := range names {
					if f, ok := want[i][k].(float64); ok {
						got, err := strconv.ParseFloat(record[k], 64)
						require.NoError(t, err)
						require.InDelta(t, f, got, 0, what)
					}
				}
			}
			require.Equal(t, want, parquetOf(t, ask("parquet"), want), what)
		}
	}
}

// parquetOf reads the rows of a file; what JSON has in another form, such as times, is taken from like.
func parquetOf(t *testing.T, body string, like [][]any) [][]any {
	t.Helper()
	file, err := parquet.OpenFile(strings.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	var got [][]any
	for _, group := range file.RowGroups() {
		rows := group.Rows()
		buffer := make([]parquet.Row, 16)
		for err = nil; err == nil; {
			var n int
			n, err = rows.ReadRows(buffer)
			for _, row := range buffer[:n] {
				values := make([]any, 0, len(row))
				for k, v := range row {
					value := like[len(got)][k]
					if f, ok := value.(float64); ok && v.Kind() == parquet.Double && v.Double() != f {
						value = v.Double()
					}
					values = append(values, value)
				}
				got = append(got, values)
			}
		}
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, rows.Close())
	}
	return got
}
