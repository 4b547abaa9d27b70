package export_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/cmd/residual/internal/client"
	"github.com/residualdb/residual/cmd/residual/internal/export"
)

// row is a row of the fake server.
type row struct {
	Time  time.Time `json:"-" parquet:"-"`
	At    string    `json:"timestamp" parquet:"timestamp"`
	Model string    `json:"model_id" parquet:"model_id"`
	Text  string    `json:"features" parquet:"features"`
}

// fakeServer answers the pipes predictions and models as a server does.
type fakeServer struct {
	*httptest.Server

	mu sync.Mutex
	// Guarded by mu: how it behaves, and what was asked for.
	behaviour behaviour
	asked     []string
}

// behaviour is what a server has, and what is wrong with it.
type behaviour struct {
	rows []row
	// misbehave is asked about each request for predictions, by its number from 1, and may answer in the place of the server.
	misbehave func(n int, w http.ResponseWriter, answer []byte) bool
	// hangs tells of a request that its answer stops in the middle until the client leaves.
	hangs func(n int) bool
}

func newServer(t *testing.T, rows []row) *fakeServer {
	t.Helper()
	s := &fakeServer{behaviour: behaviour{rows: rows, misbehave: behaves, hangs: func(int) bool { return false }}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func behaves(int, http.ResponseWriter, []byte) bool { return false }

// change changes how the server behaves from now on. Requests that a client gave up may still be under way.
func (s *fakeServer) change(change func(b *behaviour)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.behaviour)
}

// misbehave sets what is wrong from now on.
func (s *fakeServer) misbehave(how func(n int, w http.ResponseWriter, answer []byte) bool) {
	s.change(func(b *behaviour) { b.misbehave = how })
}

// requests is how many times predictions were asked for.
func (s *fakeServer) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// questions returns what was asked for, each once.
func (s *fakeServer) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(s.asked)))
}

func (s *fakeServer) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = nil
}

// client returns a client that waits on a clock of its own.
func (s *fakeServer) client(t *testing.T) *client.Client {
	t.Helper()
	var waited atomic.Int64
	c, err := client.New(client.Options{
		Server: s.URL,
		Now:    func() time.Time { return time.Unix(0, waited.Load()) },
		Sleep: func(ctx context.Context, d time.Duration) error {
			waited.Add(int64(d))
			return ctx.Err()
		},
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func (s *fakeServer) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	b, models := s.behaviour, r.FormValue("as_of") != ""
	if !models {
		s.asked = append(s.asked, r.FormValue("model_id")+" "+r.FormValue("from"))
	}
	n := len(s.asked)
	s.mu.Unlock()
	if models {
		b.serveModels(w, r)
		return
	}
	format := strings.TrimPrefix(r.URL.Path, "/v0/pipes/predictions.")
	from, _ := time.Parse(time.DateTime, r.FormValue("from"))
	to, err := time.Parse(time.DateTime, r.FormValue("to"))
	if err != nil {
		to = time.Date(2106, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	var chosen []row
	for _, x := range b.rows {
		if b.matches(r.FormValue("model_id"), x.Model) && !x.Time.Before(from) && x.Time.Before(to) {
			chosen = append(chosen, x)
		}
	}
	answer := encode(format, chosen)
	if b.hangs(n) {
		_, _ = w.Write(answer[:len(answer)/2])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return
	}
	if !b.misbehave(n, w, answer) {
		_, _ = w.Write(answer) // the client may be gone
	}
}

// matches is what a model_id of a pipe means: the model of that very name if there is one.
func (b *behaviour) matches(pattern, model string) bool {
	if pattern != "*" && slices.ContainsFunc(b.rows, func(x row) bool { return x.Model == pattern }) {
		return model == pattern
	}
	prefix, ok := strings.CutSuffix(pattern, "*")
	return ok && strings.HasPrefix(model, prefix)
}

func (b *behaviour) serveModels(w http.ResponseWriter, r *http.Request) {
	seen := map[string]bool{}
	for _, x := range b.rows {
		if seen[x.Model] || !b.matches(r.FormValue("model_id"), x.Model) {
			continue
		}
		seen[x.Model] = true
		first, last, count := x.Time, x.Time, 0
		for _, y := range b.rows {
			if y.Model == x.Model {
				count++
				first, last = slices.MinFunc([]time.Time{first, y.Time}, time.Time.Compare), slices.MaxFunc([]time.Time{last, y.Time}, time.Time.Compare)
			}
		}
		line, _ := json.Marshal(map[string]any{
			"model_id": x.Model, "first_event": first.Format(time.DateTime), "last_event": last.Format(time.DateTime), "prediction_count": count,
		})
		_, _ = w.Write(append(line, '\n'))
	}
}

// encode is the answer of the fake server.
func encode(format string, rows []row) []byte {
	var out bytes.Buffer
	switch format {
	case export.NDJSON:
		for _, x := range rows {
			line, _ := json.Marshal(x)
			out.Write(append(line, '\n'))
		}
	case export.CSV:
		w := csv.NewWriter(&out)
		for _, x := range rows {
			_ = w.Write([]string{x.At, x.Model, x.Text})
		}
		w.Flush()
	case export.Parquet:
		_ = parquet.Write(&out, rows)
	}
	return out.Bytes()
}

// decode reads a file that encode has written, below a header.
func decode(t *testing.T, format string, file []byte) []row {
	t.Helper()
	var rows []row
	switch format {
	case export.NDJSON:
		for line := range bytes.Lines(file) {
			var x row
			require.NoError(t, json.Unmarshal(line, &x))
			rows = append(rows, x)
		}
	case export.CSV:
		records, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
		require.NoError(t, err)
		require.Equal(t, strings.Split(strings.TrimSpace(header), ","), records[0])
		for _, x := range records[1:] {
			rows = append(rows, row{At: x[0], Model: x[1], Text: x[2]})
		}
	case export.Parquet:
		var err error
		rows, err = parquet.Read[row](bytes.NewReader(file), int64(len(file)))
		require.NoError(t, err)
	}
	for i := range rows {
		var err error
		rows[i].Time, err = time.Parse(time.DateTime, rows[i].At)
		require.NoError(t, err)
	}
	return rows
}

const header = "timestamp,model_id,features\n"

// someRows are n rows of models, over some months.
func someRows(n int, models ...string) []row {
	start := time.Date(2025, 11, 3, 4, 5, 6, 0, time.UTC)
	var rows []row
	for i := range n {
		at := start.Add(time.Duration(i) * 5 * 24 * time.Hour)
		rows = append(rows, row{at, at.Format(time.DateTime), models[i%len(models)], "{\n\"n\": \"" + strconv.Itoa(i) + "\"}"})
	}
	return rows
}

// ordered puts rows in an order of their own.
func ordered(rows []row) []row {
	return slices.SortedFunc(slices.Values(rows), func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), a.Time.Compare(b.Time), cmp.Compare(a.Text, b.Text))
	})
}

// cut sends half of an answer and drops the connection.
func cut(w http.ResponseWriter, answer []byte) bool {
	_, _ = w.Write(answer[:len(answer)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func unavailable(w http.ResponseWriter) bool {
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, `{"error":"come back"}`)
	return true
}
