package httpapi_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/testing/race"
)

// answeredRow is a row as a format tells it. What is nil is null.
type answeredRow struct {
	Time        time.Time
	Model       string `json:"model_id"`
	Version     string `json:"model_version"`
	Environment string `json:"environment"`
	ID          string `json:"prediction_id"`
	Features    string `json:"features"`

	Predicted float64  `json:"predicted_value"`
	Actual    *float64 `json:"actual_value"`
	Residual  *float64 `json:"residual"`
	Absolute  *float64 `json:"absolute_error"`
}

const millisLayout = "2006-01-02 15:04:05.000"

// jsonRow is an answeredRow with the time as the format has it.
type jsonRow struct {
	answeredRow

	Timestamp string `json:"timestamp"`
}

func (r jsonRow) row(t *testing.T) answeredRow {
	t.Helper()
	at, err := time.Parse(millisLayout, r.Timestamp)
	require.NoError(t, err)
	r.Time = at
	return r.answeredRow
}

// readRows reads an answer of the pipe, whose columns are all there.
func readRows(t *testing.T, extension, body string) (rows []answeredRow) {
	t.Helper()
	switch extension {
	case "json":
		var answer struct {
			Data []jsonRow
			Rows int
		}
		require.NoError(t, json.Unmarshal([]byte(body), &answer))
		require.Len(t, answer.Data, answer.Rows)
		for _, r := range answer.Data {
			rows = append(rows, r.row(t))
		}
	case "ndjson":
		for line := range strings.Lines(body) {
			var r jsonRow
			require.NoError(t, json.Unmarshal([]byte(line), &r))
			rows = append(rows, r.row(t))
		}
	case "csv":
		records, err := csv.NewReader(strings.NewReader(body)).ReadAll()
		require.NoError(t, err)
		for _, record := range records {
			at, err := time.Parse(millisLayout, record[0])
			require.NoError(t, err)
			r := answeredRow{Time: at, Model: record[1], Version: record[2], Environment: record[3], ID: record[4], Features: record[5]}
			r.Predicted = *csvFloat(t, record[6])
			r.Actual, r.Residual, r.Absolute = csvFloat(t, record[7]), csvFloat(t, record[8]), csvFloat(t, record[9])
			rows = append(rows, r)
		}
	case "parquet":
		file, err := parquet.OpenFile(strings.NewReader(body), int64(len(body)))
		require.NoError(t, err)
		for _, group := range file.RowGroups() {
			rows = append(rows, readGroup(t, group)...)
		}
	}
	return rows
}

func readGroup(t *testing.T, group parquet.RowGroup) (rows []answeredRow) {
	t.Helper()
	reader := group.Rows()
	defer func() { require.NoError(t, reader.Close()) }()
	float := func(v parquet.Value) *float64 {
		if v.IsNull() {
			return nil
		}
		f := v.Double()
		return &f
	}
	for {
		var read [100]parquet.Row
		n, err := reader.ReadRows(read[:])
		for _, v := range read[:n] {
			rows = append(rows, answeredRow{
				Time: time.UnixMilli(v[0].Int64()).UTC(), Model: v[1].String(), Version: v[2].String(), Environment: v[3].String(), ID: v[4].String(), Features: v[5].String(),
				Predicted: v[6].Double(), Actual: float(v[7]), Residual: float(v[8]), Absolute: float(v[9]),
			})
		}
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			return rows
		}
	}
}

func csvFloat(t *testing.T, text string) *float64 {
	t.Helper()
	if text == `\N` {
		return nil
	}
	f, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return &f
}

// hostileText is a text of a few of the characters that some format has to write with care.
func hostileText(r *rand.Rand) string {
	parts := []string{`"`, `\`, `'`, ",", "=", "é", "😀", "\u2028", "\u00a0", "a", "0", "{", "}", "%", "&", "<", `\N`, `\u0000`, "nan", " "}
	var b strings.Builder
	for range 1 + r.IntN(20) {
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()
}

// hostileEvent draws an event, whose id is its own.
func hostileEvent(r *rand.Rand, i int) event.Event {
	float := func() float64 {
		edges := [...]float64{0, math.Copysign(0, -1), 1e-7, 1e21, 1e23, 5e-324, math.MaxFloat64, 0.1, 123.45, 1 << 53, -17e9}
		switch r.IntN(3) {
		case 0:
			return edges[r.IntN(len(edges))]
		case 1:
			return math.Round(r.NormFloat64()*1e6) / 1e3
		}
		for {
			if f := math.Float64frombits(r.Uint64()); f-f == 0 {
				return f
			}
		}
	}
	features, err := json.Marshal(map[string]any{hostileText(r): hostileText(r), "n": i, "long": strings.Repeat(hostileText(r), max(0, r.IntN(24)-22)*r.IntN(900))})
	if err != nil {
		panic(err)
	}
	if r.IntN(2) == 0 { // kept as they are sent
		var spaced bytes.Buffer
		if err := json.Indent(&spaced, features, "\r", "\t "); err != nil {
			panic(err)
		}
		features = spaced.Bytes()
	}
	return event.Event{
		Timestamp: silenceNow.Add(-time.Duration(r.Int64N(int64(40 * 24 * time.Hour)))).Truncate(time.Millisecond), // of two months
		ModelID:   []string{"m", "\"m\\", "=é"}[r.IntN(3)], ModelVersion: []string{"v1", "a,b"}[r.IntN(2)], Environment: "production",
		PredictionID: hostileText(r) + strconv.Itoa(i), Features: string(features),
		PredictedValue: float(), ActualValue: float(), HasActual: r.IntN(4) > 0,
	}
}

// told is what formats must tell of an event. JSON has no infinity.
func told(e event.Event, finite bool) answeredRow {
	row := answeredRow{
		Time: e.Timestamp, Model: e.ModelID, Version: e.ModelVersion, Environment: e.Environment, ID: e.PredictionID, Features: e.Features,
		Predicted: e.PredictedValue,
	}
	if !e.HasActual {
		return row
	}
	residual := e.PredictedValue - e.ActualValue
	absolute := math.Abs(residual)
	row.Actual, row.Residual, row.Absolute = &e.ActualValue, &residual, &absolute
	if finite && math.IsInf(residual, 0) {
		row.Residual, row.Absolute = nil, nil
	}
	return row
}

// choppedRows hands on rows in batches of any size, and makes nonsense of each when its time is over.
type choppedRows struct{ *engine.DB }

func (s choppedRows) EachRows(ctx context.Context, q engine.RowsQuery, yield func(b *engine.RowBatch) bool) (engine.Read, error) {
	return s.DB.EachRows(ctx, q, func(whole *engine.RowBatch) bool {
		for from := 0; from < whole.Len(); {
			to := min(from+1+rand.IntN(600), whole.Len())
			b := &engine.RowBatch{Series: slices.Clone(whole.Series), SeriesOf: slices.Clone(whole.SeriesOf[from:to])}
			whole.Lags = nil // were not asked for
			b.AppendFrom(&whole.Columns, from, to)
			goOn := yield(b)
			for i := range b.Len() {
				b.Times[i], b.Predicted[i], b.Actual[i], b.SeriesOf[i] = 0, -1, -1, 0
			}
			clear(b.IDs.Bytes)
			clear(b.Features.Bytes)
			clear(b.Series)
			if !goOn {
				return false
			}
			from = to
		}
		return true
	})
}

// TestRowsInEveryFormat stores hostile rows, asks for them in each format and order, and reads them back: they are those that
// were sent, to the bit. Ingested again into another store, they are the same there.
func TestRowsInEveryFormat(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	clock := func() time.Time { return silenceNow }
	db, err := engine.Open(t.TempDir(), engine.Options{Now: clock})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	server, again := startWith(t, choppedRows{db}, httpapi.Options{Now: clock}), startStore(t, httpapi.Options{})
	const rows = 2000 / race.Fewer
	var sent []event.Event
	for i := range rows {
		sent = append(sent, hostileEvent(r, i))
	}
	appendEvents(t, server, sent)
	const all = "?model_id=*&model_version=*&time_window=2000&limit="
	for _, order := range []string{"", "&order=timestamp", "&order=-timestamp", "&order=abs_error"} {
		for _, extension := range []string{"json", "ndjson", "csv", "parquet"} {
			limit := strconv.Itoa(rows + r.IntN(2)*rows)
			if order != "&order=abs_error" && r.IntN(2) == 0 {
				limit = "0"
			}
			resp, body := server.do(t, "GET", "/v0/pipes/predictions."+extension+all+limit+order, nil)
			require.Equal(t, http.StatusOK, resp.StatusCode)
			got := readRows(t, extension, body)
			want := slices.Clone(sent)
			byID := func(a, b answeredRow) int { return strings.Compare(a.ID, b.ID) }
			var sorted bool
			switch order {
			case "&order=timestamp":
				sorted = slices.IsSortedFunc(got, func(a, b answeredRow) int { return a.Time.Compare(b.Time) })
			case "&order=-timestamp":
				sorted = slices.IsSortedFunc(got, func(a, b answeredRow) int { return b.Time.Compare(a.Time) })
			case "&order=abs_error":
				want = slices.DeleteFunc(want, func(e event.Event) bool { return !e.HasActual })
				sorted = slices.IsSortedFunc(got, func(a, b answeredRow) int {
					return cmp.Compare(math.Abs(b.Predicted-*b.Actual), math.Abs(a.Predicted-*a.Actual))
				})
			default:
				sorted = true
			}
			require.True(t, sorted, "%s%s", extension, order)
			slices.SortFunc(got, byID)
			var wanted []answeredRow
			for _, e := range want {
				wanted = append(wanted, told(e, strings.HasSuffix(extension, "json")))
			}
			slices.SortFunc(wanted, byID)
			require.Len(t, got, len(wanted))
			for i := range wanted {
				requireSameRow(t, wanted[i], got[i], extension)
			}
			if extension == "ndjson" || extension == "parquet" {
				resp, body := again.do(t, "POST", "/v0/datasources?name=ml_model_predictions&mode=append&format="+extension, strings.NewReader(body))
				require.Equal(t, http.StatusOK, resp.StatusCode, body)
				require.Contains(t, body, `"quarantined_rows":0`)
			}
		}
	}
	const whole = "/v0/pipes/predictions.ndjson" + all + "0&order=timestamp"
	_, first := server.do(t, "GET", whole, nil)
	_, second := again.do(t, "GET", whole, nil)
	require.Equal(t, first, second)
}

// requireSameRow compares numbers by their bits.
func requireSameRow(t *testing.T, want, got answeredRow, about string) {
	t.Helper()
	bits := func(r *answeredRow) (b [4]uint64) {
		b[0] = math.Float64bits(r.Predicted)
		for i, f := range []**float64{&r.Actual, &r.Residual, &r.Absolute} {
			b[i+1] = 1 // null is none of the numbers in these tests
			if *f != nil {
				b[i+1] = math.Float64bits(**f)
			}
			*f = nil
		}
		r.Predicted = 0
		return b
	}
	if wanted, had := bits(&want), bits(&got); wanted != had || want != got {
		require.Equal(t, wanted, had, about)
		require.Equal(t, want, got, about)
	}
}

// appendEvents stores events in batches, some of them sealed.
func appendEvents(t *testing.T, server *running, events []event.Event) {
	t.Helper()
	for chunk := range slices.Chunk(events, 700) {
		var body strings.Builder
		for _, e := range chunk {
			var actual *float64
			if e.HasActual {
				actual = &e.ActualValue
			}
			line, err := json.Marshal(map[string]any{
				"timestamp": e.Timestamp.Format(millisLayout), "model_id": e.ModelID, "prediction_id": e.PredictionID, "features": e.Features,
				"predicted_value": e.PredictedValue, "actual_value": actual, "model_version": e.ModelVersion, "environment": e.Environment,
			})
			require.NoError(t, err)
			body.Write(append(line, '\n'))
		}
		resp, answer := server.do(t, "POST", "/v0/events?name=ml_model_predictions&wait=true", strings.NewReader(body.String()))
		require.Equal(t, http.StatusOK, resp.StatusCode, answer)
		if !strings.Contains(answer, `"quarantined_rows":0`) {
			_, rejects := server.do(t, "GET", "/v0/pipes/quarantine.ndjson?limit=3", nil)
			t.Fatal(answer, rejects)
		}
	}
}
