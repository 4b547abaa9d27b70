package workload_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/workload"
)

// lines returns the whole workload as NDJSON.
func lines(opts workload.Options) []byte {
	g := workload.New(opts)
	var out []byte
	for ok := true; ok; {
		out, ok = g.AppendNDJSON(out)
	}
	return out
}

func events(opts workload.Options) []event.Event {
	g := workload.New(opts)
	var out []event.Event
	for e := (event.Event{}); g.Next(&e); {
		out = append(out, e)
	}
	return out
}

// everyShape yields options for every shape, small, with everything switched on.
func everyShape(t *testing.T) iter.Seq2[string, workload.Options] {
	t.Helper()
	return func(yield func(string, workload.Options) bool) {
		for _, name := range workload.ShapeNames() {
			shape, err := workload.ParseShape(name)
			require.NoError(t, err)
			require.Equal(t, name, shape.String())
			opts := workload.Options{
				Seed: 7, Rows: 8000, Shape: shape, LateShare: 0.02, WaitingShare: 0.1, DriftModel: 2,
				Environments: []string{"production", "staging", "dev-1"},
			}
			if !yield(name, opts) {
				return
			}
		}
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	for name, opts := range everyShape(t) {
		t.Run(name, func(t *testing.T) {
			first := lines(opts)
			require.True(t, bytes.Equal(first, lines(opts)))
			opts.Seed++
			require.False(t, bytes.Equal(first, lines(opts)))
		})
	}
}

// TestGolden holds the bytes of every shape. A new sum is a new workload: figures measured on the old one do not compare.
func TestGolden(t *testing.T) {
	want := map[string]string{
		"steady":        "b2f5f51488b7105b",
		"bursty":        "4ae98619f353e579",
		"many-models":   "2a4cbcbd2205479c",
		"many-versions": "7757ae0be20be354",
		"uuid":          "9c889cc809475551",
	}
	for name, opts := range everyShape(t) {
		t.Run(name, func(t *testing.T) {
			sum := sha256.Sum256(lines(opts))
			require.Equal(t, want[opts.Shape.String()], hex.EncodeToString(sum[:8]))
		})
	}
}

// TestLinesAndEventsAgree reads each line with encoding/json and compares it with the event of the same place.
func TestLinesAndEventsAgree(t *testing.T) {
	for name, opts := range everyShape(t) {
		t.Run(name, func(t *testing.T) {
			all := events(opts)
			require.Len(t, all, int(opts.Rows))
			decoder := json.NewDecoder(bytes.NewReader(lines(opts)))
			decoder.DisallowUnknownFields()
			for i, want := range all {
				var line struct {
					Timestamp      string   `json:"timestamp"`
					ModelID        string   `json:"model_id"`
					PredictionID   string   `json:"prediction_id"`
					Features       string   `json:"features"`
					PredictedValue float64  `json:"predicted_value"`
					ActualValue    *float64 `json:"actual_value"`
					ModelVersion   string   `json:"model_version"`
					Environment    string   `json:"environment"`
				}
				require.NoError(t, decoder.Decode(&line))
				got := event.Event{
					ModelID: line.ModelID, PredictionID: line.PredictionID, Features: line.Features,
					PredictedValue: line.PredictedValue, ModelVersion: line.ModelVersion, Environment: line.Environment,
				}
				layout := time.DateTime
				if opts.Shape == workload.UUID {
					layout = "2006-01-02T15:04:05.000Z07:00"
				}
				var err error
				got.Timestamp, err = time.Parse(layout, line.Timestamp)
				require.NoError(t, err)
				if line.ActualValue != nil {
					got.ActualValue, got.HasActual = *line.ActualValue, true
				}
				if got != want {
					t.Fatalf("row %d: line %+v, event %+v", i, got, want)
				}
				if !json.Valid([]byte(got.Features)) {
					t.Fatalf("row %d: features %s", i, got.Features)
				}
			}
			require.False(t, decoder.More())
		})
	}
}

func TestTimesAscendButForLateRows(t *testing.T) {
	for name, opts := range everyShape(t) {
		t.Run(name, func(t *testing.T) {
			opts.From = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
			opts.To = opts.From.Add(30 * 24 * time.Hour)
			opts.LateBy = time.Hour
			newest, late := opts.From, 0
			for _, e := range events(opts) {
				require.False(t, e.Timestamp.Before(opts.From) || !e.Timestamp.Before(opts.To), e.Timestamp)
				if e.Timestamp.Before(newest) {
					late++
					require.LessOrEqual(t, newest.Sub(e.Timestamp), time.Hour+time.Second)
				} else {
					newest = e.Timestamp
				}
			}
			require.InDelta(t, opts.LateShare, float64(late)/float64(opts.Rows), 0.006)
			quiet := 24 * time.Hour
			if opts.Shape == workload.Bursty {
				quiet = opts.To.Sub(opts.From) / time.Duration(opts.Rows/workload.BurstRows)
			}
			require.LessOrEqual(t, opts.To.Sub(newest), quiet)

			opts.LateShare = 0
			newest = opts.From
			for _, e := range events(opts) {
				require.False(t, e.Timestamp.Before(newest))
				newest = e.Timestamp
			}
		})
	}
}

func TestShares(t *testing.T) {
	for name, opts := range everyShape(t) {
		t.Run(name, func(t *testing.T) {
			models, versions, environments, ids := map[string]int{}, map[string]int{}, map[string]int{}, map[string]bool{}
			waiting := 0
			for _, e := range events(opts) {
				models[e.ModelID]++
				versions[e.ModelVersion]++
				environments[e.Environment]++
				ids[e.PredictionID] = true
				if !e.HasActual {
					waiting++
				}
			}
			rows := float64(opts.Rows)
			require.Len(t, ids, int(opts.Rows), "prediction ids are unique")
			require.InDelta(t, opts.WaitingShare, float64(waiting)/rows, 0.01)
			require.Len(t, environments, 3)
			require.InDelta(t, 0.8, float64(environments["production"])/rows, 0.02)
			require.InDelta(t, 0.1, float64(environments["staging"])/rows, 0.02)

			switch opts.Shape {
			case workload.ManyModels:
				require.Greater(t, len(models), 5000)
			case workload.ManyVersions:
				require.Len(t, models, 40)
				require.Greater(t, len(versions), 7000)
			case workload.Bursty:
				require.LessOrEqual(t, len(models), int(opts.Rows/workload.BurstRows)+1)
			default:
				require.Len(t, models, 40)
				require.Len(t, versions, 120)
			}
		})
	}
}

func TestBurstsAreShort(t *testing.T) {
	opts := workload.Options{Seed: 3, Rows: 4 * workload.BurstRows, Shape: workload.Bursty}
	all := events(opts)
	for start := 0; start < len(all); start += workload.BurstRows {
		burst := all[start : start+workload.BurstRows]
		for _, e := range burst {
			require.Equal(t, burst[0].ModelID, e.ModelID)
			require.LessOrEqual(t, e.Timestamp.Sub(burst[0].Timestamp), 10*time.Second)
		}
	}
}

// TestVersionsFollowEachOther checks that the newest version is the last one, and the only one new in its share of the time.
func TestVersionsFollowEachOther(t *testing.T) {
	opts := workload.Options{Seed: 3, Rows: 20_000, Models: 2, Versions: 3}
	first := map[string]time.Time{}
	for _, e := range events(opts) {
		if _, ok := first[e.ModelVersion]; !ok {
			first[e.ModelVersion] = e.Timestamp
		}
	}
	require.True(t, first["v2.1"].Before(first["v2.2"]) && first["v2.2"].Before(first["v2.3"]))
	require.InDelta(t, 30*24, first["v2.2"].Sub(first["v2.1"]).Hours(), 1)
}

func TestOneModelDrifts(t *testing.T) {
	opts := workload.Options{Seed: 3, Rows: 120_000, Models: 4, Versions: 1, DriftModel: 3, DriftOver: 48 * time.Hour, DriftFactor: 5}
	end := workload.New(opts).Options().To
	recent, before := map[string]*mean{}, map[string]*mean{}
	for _, e := range events(opts) {
		into := before
		if end.Sub(e.Timestamp) <= 24*time.Hour {
			into = recent
		}
		if into[e.ModelID] == nil {
			into[e.ModelID] = &mean{}
		}
		into[e.ModelID].add(math.Abs(e.PredictedValue - e.ActualValue))
	}
	for model := range recent {
		drift := recent[model].value()/before[model].value() - 1
		if model == "model_3" {
			require.InDelta(t, 3, drift, 0.35, model) // from 3 to 5 times the usual, 4 in the middle
		} else {
			require.InDelta(t, 0, drift, 0.12, model)
		}
	}
}

type mean struct{ sum, n float64 }

func (m *mean) add(v float64)  { m.sum += v; m.n++ }
func (m *mean) value() float64 { return m.sum / m.n }

// TestOptionsKeepOtherColumns checks that a share changes its own column alone, so that two workloads can be compared
// row by row.
func TestOptionsKeepOtherColumns(t *testing.T) {
	plain := events(workload.Options{Seed: 5, Rows: 1000})
	waiting := events(workload.Options{Seed: 5, Rows: 1000, WaitingShare: 0.5})
	for i := range plain {
		if !waiting[i].HasActual {
			plain[i].ActualValue, plain[i].HasActual = 0, false
		}
		require.Equal(t, plain[i], waiting[i])
	}
}

func TestLineLength(t *testing.T) {
	opts := workload.Options{Seed: 1, Rows: 20_000}
	require.InDelta(t, 265, float64(len(lines(opts)))/float64(opts.Rows), 8)
}

func TestAppendNDJSONAllocatesNothing(t *testing.T) {
	for _, name := range workload.ShapeNames() {
		shape, err := workload.ParseShape(name)
		require.NoError(t, err)
		g := workload.New(workload.Options{Shape: shape, LateShare: 0.02})
		buffer := make([]byte, 0, 4096)
		require.Zero(t, testing.AllocsPerRun(1000, func() { g.AppendNDJSON(buffer) }), name)
	}
}

func TestValidate(t *testing.T) {
	require.NoError(t, workload.Options{}.Validate())
	f := func(opts workload.Options, want string) {
		t.Helper()
		require.ErrorContains(t, opts.Validate(), want)
		require.Panics(t, func() { workload.New(opts) })
	}
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f(workload.Options{Rows: -1}, "rows: -1 is not positive")
	f(workload.Options{Models: -1}, "models: -1")
	f(workload.Options{Versions: 2e6}, "versions: 2000000")
	f(workload.Options{From: day, To: day}, "is not before")
	f(workload.Options{From: day.AddDate(-60, 0, 0)}, "outside the years 1970 to 2105")
	f(workload.Options{LateShare: 1.5}, "late share: 1.5")
	f(workload.Options{LateShare: math.NaN()}, "late share: NaN")
	f(workload.Options{WaitingShare: -0.1}, "waiting share: -0.1")
	f(workload.Options{LateBy: -time.Hour}, "late by: -1h0m0s")
	f(workload.Options{DriftModel: 41}, "drift model: 41 is not between 0 and 40")
	f(workload.Options{DriftOver: -time.Hour}, "drift over")
	f(workload.Options{DriftFactor: -1}, "drift factor")
	f(workload.Options{Environments: []string{`"`}}, "environment \"\\\"\"")
	f(workload.Options{Environments: []string{strings.Repeat("x", 65)}}, "environment")
	f(workload.Options{Shape: 99}, "shape 99 does not exist")

	_, err := workload.ParseShape("round")
	require.EqualError(t, err, `unknown shape "round": one of steady, bursty, many-models, many-versions, uuid`)
	require.Equal(t, "Shape(99)", workload.Shape(99).String())
}

func ExampleGenerator_AppendNDJSON() {
	g := workload.New(workload.Options{Seed: 1, Rows: 2})
	for line, ok := g.AppendNDJSON(nil); ok; line, ok = g.AppendNDJSON(line[:0]) {
		fmt.Printf("%s", line)
	}
	// Output:
	// {"timestamp": "2025-01-01 00:00:00", "model_id": "model_40", "prediction_id": "pred_1", "features": "{\"feature1\":66,\"feature2\":88,\"feature3\":64}", "predicted_value": 6404.23, "actual_value": 5972.16, "model_version": "v40.1", "environment": "production"}
	// {"timestamp": "2025-02-15 00:00:00", "model_id": "model_24", "prediction_id": "pred_2", "features": "{\"feature1\":67,\"feature2\":77,\"feature3\":52}", "predicted_value": 1430.61, "actual_value": 1367.19, "model_version": "v24.2", "environment": "production"}
}
