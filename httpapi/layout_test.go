package httpapi_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/testing/race"
)

// requireSame is for very many values that can be compared.
func requireSame(t *testing.T, want, got any, of ...string) {
	t.Helper()
	if want != got {
		require.Equal(t, want, got, "%s", of)
	}
}

// TestSeriesLayout asks for series over time in rows and in arrays, of few and of many columns and buckets: they say the same.
func TestSeriesLayout(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	s := startTagged(t, nil)
	var lines strings.Builder
	for i := range 3000 {
		actual := ""
		if r.IntN(4) > 0 {
			actual = fmt.Sprint(r.NormFloat64())
		}
		at := now.Add(-time.Duration(r.IntN(7*24*60)) * time.Minute)
		lines.WriteString(line(fmt.Sprint("m\"", r.IntN(12)), fmt.Sprint("v", r.IntN(3)), []string{"production", "stäging"}[r.IntN(2)], strconv.Itoa(i), at, fmt.Sprint(r.NormFloat64()), actual))
	}
	s.send(lines.String())
	get := func(query string, answer any) {
		t.Helper()
		resp, body := s.do(t, "GET", "/v0/pipes/model_performance_timeseries."+query, nil)
		require.Equal(t, http.StatusOK, resp.StatusCode, body)
		require.NoError(t, json.Unmarshal([]byte(body), answer))
	}
	known, all := map[string]bool{}, httpapi.Columns("model_performance_timeseries")
	for range 30 / race.Fewer {
		var columns []string
		for _, i := range r.Perm(len(all))[:1+r.IntN(len(all))] {
			columns = append(columns, all[i].Name)
		}
		if r.IntN(2) == 0 {
			columns = []string{"mae", "actual_count", "prediction_count"}
		}
		query := "model_id=" + []string{"*", "m%22*", "m%221,m%222", "m%223", "absent"}[r.IntN(5)] + "&model_version=*&environment=*&time_window=168&interval=" +
			[]string{"1h", "6h", "1d", "15m"}[r.IntN(4)] + []string{"", "&group_by=model_id", "&from=2025-04-22T00:00:00Z&to=2025-04-25T00:00:00Z"}[r.IntN(3)]
		var rows struct {
			Data []map[string]any
		}
		get("json?"+query, &rows)
		var series struct {
			Start  []int64 `json:"bucket_start"`
			Series []map[string]any
		}
		get([]string{"json", "jsoncompact"}[r.IntN(2)]+"?layout=series&"+query+"&columns="+strings.Join(columns, ","), &series)
		i := 0
		for _, one := range series.Series {
			for k, start := range series.Start {
				row := rows.Data[i]
				requireSame(t, time.Unix(start, 0).UTC().Format(time.DateTime), row["bucket_start"], query)
				for _, name := range []string{"model_id", "model_version", "environment"} {
					requireSame(t, row[name], one[name], name)
				}
				for _, name := range columns {
					if values, ok := one[name].([]any); ok {
						known[name] = true
						requireSame(t, len(series.Start), len(values), name)
						requireSame(t, row[name], values[k], name, query)
					}
				}
				i++
			}
		}
		require.Len(t, rows.Data, i, query)
	}
	require.Greater(t, len(known), 15/race.Share)
}
