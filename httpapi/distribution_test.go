package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi"
)

// TestErrorDistribution counts the errors of random rows and holds each bucket to the rows that predictions has of the same windows.
func TestErrorDistribution(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	s := startTagged(t, nil)
	var lines strings.Builder
	for i := range 3000 {
		actual := ""
		if r.IntN(5) > 0 {
			actual = fmt.Sprint(float64(r.IntN(40)) * math.Pow10(r.IntN(4)-2))
		}
		at := now.Add(-time.Duration(r.IntN(7*24*60)) * time.Minute)
		lines.WriteString(line("m"+strconv.Itoa(r.IntN(3)), "v"+strconv.Itoa(r.IntN(2)), "production", strconv.Itoa(i), at, strconv.Itoa(r.IntN(20)), actual))
		if i == 1500 {
			s.send(lines.String())
			lines.Reset()
			require.NoError(t, s.db.Checkpoint(t.Context()))
		}
	}
	s.send(lines.String())
	ask := func(pipe string, values url.Values, answer any) {
		t.Helper()
		resp, body := s.do(t, "GET", "/v0/pipes/"+pipe+".json?"+values.Encode(), nil)
		require.Equal(t, http.StatusOK, resp.StatusCode, body)
		require.NoError(t, json.Unmarshal([]byte(body), answer))
	}
	const stamp = "2006-01-02 15:04:05"
	for range 40 {
		names := url.Values{"model_id": {[]string{"m1", "*", "m0,m2", "absent"}[r.IntN(4)]}, "model_version": {[]string{"v0", "*"}[r.IntN(2)]}}
		of := []string{"error", "abs_error", "predicted"}[r.IntN(3)]
		var numbers [2][]float64
		windows := [2][2]string{}
		for side := range 2 {
			from := now.Add(-time.Duration(r.IntN(7*24)) * time.Hour)
			windows[side] = [2]string{from.Format(stamp), from.Add(time.Duration(r.IntN(72)) * time.Hour).Format(stamp)}
			rows := url.Values{"model_id": names["model_id"], "model_version": names["model_version"], "limit": {"0"}, "from": {windows[side][0]}, "to": {windows[side][1]}}
			if of != "predicted" {
				rows.Set("actuals", "known")
			}
			var answer struct {
				Data []struct {
					Predicted float64 `json:"predicted_value"`
					Error     float64 `json:"residual"`
				}
			}
			ask("predictions", rows, &answer)
			for _, row := range answer.Data {
				numbers[side] = append(numbers[side], map[string]float64{"error": row.Error, "abs_error": math.Abs(row.Error), "predicted": row.Predicted}[of])
			}
		}
		buckets := 5 + r.IntN(60)
		values := url.Values{
			"model_id": names["model_id"], "model_version": names["model_version"], "of": {of}, "buckets": {strconv.Itoa(buckets)},
			"from": {windows[0][0]}, "to": {windows[0][1]}, "reference_from": {windows[1][0]}, "reference_to": {windows[1][1]},
		}
		var answer struct {
			Data []struct {
				Lower, Upper float64
				Recent       int `json:"recent_count"`
				Reference    int `json:"reference_count"`
			}
		}
		ask("model_error_distribution", values, &answer)
		require.LessOrEqual(t, len(answer.Data), buckets)
		total := [2]int{}
		for _, b := range answer.Data {
			for side, got := range []int{b.Recent, b.Reference} {
				want := 0
				for _, n := range numbers[side] {
					switch {
					case b.Lower == b.Upper:
						want += map[bool]int{true: 1}[n == 0]
					case b.Lower >= 0:
						want += map[bool]int{true: 1}[n >= b.Lower && n < b.Upper && n > 0]
					default:
						want += map[bool]int{true: 1}[n > b.Lower && n <= b.Upper && n < 0]
					}
				}
				require.Equal(t, want, got, "%v of %v", b, values)
				total[side] += got
			}
		}
		require.Equal(t, [2]int{len(numbers[0]), len(numbers[1])}, total)
	}
	// The latest in the window is v0 or v1; the reference has the same alone.
	latest := url.Values{"model_id": {"m1"}, "reference_from": {now.Add(-6 * 24 * time.Hour).Format(stamp)}, "reference_to": {now.Add(-48 * time.Hour).Format(stamp)}}
	var got struct {
		Data []struct {
			Reference int `json:"reference_count"`
		}
	}
	ask("model_error_distribution", latest, &got)
	sum := 0
	for _, b := range got.Data {
		sum += b.Reference
	}
	var counts []int
	for _, version := range []string{"v0", "v1"} {
		var rows struct{ Rows int }
		ask("predictions", url.Values{"model_id": {"m1"}, "model_version": {version}, "limit": {"0"}, "actuals": {"known"}, "from": latest["reference_from"], "to": latest["reference_to"]}, &rows)
		counts = append(counts, rows.Rows)
	}
	require.Contains(t, counts, sum)
}

// manyNumbers has a hundred million rows, a million in a batch.
type manyNumbers struct {
	*fakeStore
	taken *int
}

func (s manyNumbers) EachRows(_ context.Context, _ engine.RowsQuery, yield func(b *engine.RowBatch) bool) (engine.Read, error) {
	const rows = 1 << 20
	b := &engine.RowBatch{Series: []event.Series{{Model: "m", Version: "v", Environment: "production"}}, SeriesOf: make([]uint32, rows)}
	b.Times, b.Predicted, b.Actual = make([]int64, rows), make([]float64, rows), make([]float64, rows)
	for range 100 {
		if *s.taken += rows; !yield(b) {
			break
		}
	}
	return engine.Read{}, nil
}

// TestDistributionIsBounded: more rows than a distribution may be of are refused, and not read.
func TestDistributionIsBounded(t *testing.T) {
	taken := 0
	server := startWith(t, manyNumbers{newFakeStore(), &taken}, httpapi.Options{})
	resp, body := server.do(t, "GET", "/v0/pipes/model_error_distribution.json?model_id=m", nil)
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.Contains(t, body, "the windows have more than 20000000 predictions; ask for shorter ones, or for fewer models")
	require.Less(t, taken, 20_000_000+2<<20)
}
