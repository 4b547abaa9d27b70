package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	killsFlag    = flag.Int("kill.cycles", 6, "how often TestKill kills the server")
	killSeedFlag = flag.Uint64("kill.seed", 1, "seed of TestKill")
)

const (
	killWriters = 16
	killRowsMax = 40
)

// killWriter is a client that sends batches of its own model, one after the other, each until it is acknowledged. It
// knows what the server must have.
type killWriter struct {
	number int
	rng    *rand.Rand

	// Acknowledged: batches, rows, and the sum of their errors.
	batches, rows int
	sum           float64
	// pending is the batch under way; it is sent again with the same key until there is an answer.
	pending *killBatch
	// tried tells that the server may have the pending batch.
	tried bool
	// history is what was acknowledged after each batch, acked how many batches that were, for others to read.
	history []killSum
	acked   atomic.Int64
	// last is the last batch that was acknowledged; now and then it is sent again.
	last *killBatch
}

// killSum is rows and the sum of their errors.
type killSum struct {
	rows int
	sum  float64
}

type killBatch struct {
	key  string
	rows int
	sum  float64
	body []byte
}

// next returns the batch number n. Errors are whole numbers, so that every sum is exact.
func (w *killWriter) next() *killBatch {
	b := &killBatch{key: fmt.Sprintf("writer-%d-%d", w.number, w.batches), rows: 1 + w.rng.IntN(killRowsMax)}
	for i := range b.rows {
		e := float64(1 + w.rng.IntN(1000))
		b.sum += e
		b.body = fmt.Appendf(b.body, `{"timestamp":%q,"model_id":"writer-%02d","prediction_id":"%s-%d","features":{"n":%d},`+
			`"predicted_value":%g,"actual_value":0,"model_version":"v1","environment":"production"}`+"\n",
			time.Now().UTC().Format(time.RFC3339Nano), w.number, b.key, i, i, e)
	}
	return b
}

// run sends batches until the server is gone. Anything but success and silence is an error.
func (w *killWriter) run(client *http.Client, address string) error {
	for {
		if w.last != nil && w.rng.IntN(16) == 0 {
			if done, err := w.send(client, address, w.last); err != nil || !done {
				return err
			}
		}
		if w.pending == nil {
			w.pending = w.next()
		}
		w.tried = true
		if done, err := w.send(client, address, w.pending); err != nil || !done {
			return err
		}
		w.acknowledge()
	}
}

func (w *killWriter) acknowledge() {
	w.batches, w.rows, w.sum = w.batches+1, w.rows+w.pending.rows, w.sum+w.pending.sum
	w.last, w.pending, w.tried = w.pending, nil, false
	w.history = append(w.history, killSum{w.rows, w.sum})
	w.acked.Store(int64(len(w.history)))
}

// send reports whether the server answered.
func (w *killWriter) send(client *http.Client, address string, b *killBatch) (done bool, err error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, address+"/v0/events?name=ml_model_predictions", bytes.NewReader(b.body))
	if err != nil {
		return false, err
	}
	request.Header.Set("Idempotency-Key", b.key)
	response, err := client.Do(request)
	if err != nil {
		return false, nil // killed
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return false, nil // killed
	}
	if want := fmt.Sprintf(`{"successful_rows":%d,"quarantined_rows":0}`, b.rows); response.StatusCode != http.StatusAccepted || string(bytes.TrimSpace(text)) != want {
		return false, fmt.Errorf("writer %d, %s: %d %s", w.number, b.key, response.StatusCode, text)
	}
	return true, nil
}

// check compares what the server has of the writer with what it must have. A batch without an answer may be there, whole.
func (w *killWriter) check(count int, mae float64) error {
	same := func(rows int, sum float64) bool { return count == rows && (rows == 0 || mae == sum/float64(rows)) }
	if same(w.rows, w.sum) || w.tried && same(w.rows+w.pending.rows, w.sum+w.pending.sum) {
		return nil
	}
	return fmt.Errorf("writer %d: %d rows with an MAE of %v, acknowledged are %d with a sum of %v, under way %+v", w.number, count, mae, w.rows, w.sum, w.pending)
}

// TestKill kills the server, time and again at any moment, under clients that write. What they were told is there after
// each start, and what they send again is there once.
func TestKill(t *testing.T) {
	t.Logf("replay with -kill.seed=%d -kill.cycles=%d", *killSeedFlag, *killsFlag)
	dir := t.TempDir()
	binary := build(t)
	rng := rand.New(rand.NewPCG(*killSeedFlag, 0))
	writers := make([]*killWriter, killWriters)
	for i := range writers {
		writers[i] = &killWriter{number: i, rng: rand.New(rand.NewPCG(*killSeedFlag, uint64(i)+1))}
	}
	var slowest time.Duration
	for range *killsFlag {
		began := time.Now()
		p := startProcess(t, binary, filepath.Join(dir, "data"), "--checkpoint-bytes", "1MiB", "--log-level", "error")
		slowest = max(slowest, time.Since(began))
		checkWriters(t, p.address, writers)
		life := time.AfterFunc(time.Duration(rng.IntN(150))*time.Millisecond, func() { _ = p.cmd.Process.Kill() })
		writeAll(t, p.address, writers)
		life.Stop()
		p.exit(t)
	}
	p := startProcess(t, binary, filepath.Join(dir, "data"))
	checkWriters(t, p.address, writers)
	settle(t, p.address, writers)
	rows, batches := 0, 0
	for _, w := range writers {
		rows, batches = rows+w.rows, batches+w.batches
	}
	require.Equal(t, rows, countRows(t, p.address))
	require.NoError(t, p.cmd.Process.Kill())
	p.exit(t)
	t.Logf("%d kills, %d batches, %d rows acknowledged, 0 lost, 0 twice; the slowest start took %s", *killsFlag, batches, rows, slowest)
}

// writeAll lets all clients write until the server is gone.
func writeAll(t *testing.T, address string, writers []*killWriter) {
	t.Helper()
	require.NoError(t, writeUntilGone(address, writers))
}

func writeUntilGone(address string, writers []*killWriter) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: killWriters}}
	defer client.CloseIdleConnections()
	errs := make([]error, len(writers))
	var group sync.WaitGroup
	for i, w := range writers {
		group.Go(func() { errs[i] = w.run(client, address) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// settle sends what is pending, twice.
func settle(t *testing.T, address string, writers []*killWriter) {
	t.Helper()
	client := new(http.Client)
	defer client.CloseIdleConnections()
	for _, w := range writers {
		if w.pending == nil {
			continue
		}
		for range 2 {
			done, err := w.send(client, address, w.pending)
			require.NoError(t, err)
			require.True(t, done)
		}
		w.acknowledge()
	}
	checkWriters(t, address, writers)
}

func checkWriters(t *testing.T, address string, writers []*killWriter) {
	t.Helper()
	var answer struct {
		Data []struct {
			Model string  `json:"model_id"`
			Count int     `json:"prediction_count"`
			MAE   float64 `json:"mae"`
		} `json:"data"`
	}
	text := get(t, address+"/v0/pipes/model_performance_metrics.json?model_id=*&time_window=1000")
	require.NoError(t, json.Unmarshal([]byte(text), &answer))
	counts, maes := make(map[string]int), make(map[string]float64)
	for _, row := range answer.Data {
		counts[row.Model], maes[row.Model] = row.Count, row.MAE
	}
	for _, w := range writers {
		model := fmt.Sprintf("writer-%02d", w.number)
		require.NoError(t, w.check(counts[model], maes[model]))
	}
}
