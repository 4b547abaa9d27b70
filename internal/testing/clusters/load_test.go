package clusters_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a load sends: requests of some rows of some models each, which lie on both shards.
const (
	loadModels, loadRows = 12, 24
	loadWriters          = 8
	retryAfter           = 50 * time.Millisecond
)

// load is clients that send requests to servers, again under the same key until they are answered, or once and never again.
type load struct {
	urls   []string
	client http.Client
	stop   context.CancelFunc
	ended  sync.WaitGroup
	seed   uint64

	answered, refused, again atomic.Int64

	mu sync.Mutex
	// known has the requests that were acknowledged; unknown those of which nobody has said what became of them.
	known, unknown []string
	failed         error
}

// startLoad begins to send to servers.
func startLoad(t *testing.T, seed uint64, urls ...string) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{urls: urls, stop: cancel, seed: seed, client: http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: loadWriters}}}
	for n := range loadWriters {
		l.ended.Go(func() { l.write(ctx, n) })
	}
	t.Cleanup(func() {
		cancel()
		l.ended.Wait()
	})
	return l
}

// end stops the load once every request that is sent again has its answer.
func (l *load) end(t *testing.T) {
	t.Helper()
	l.stop()
	l.ended.Wait()
	require.NoError(t, l.failed)
}

// write sends requests one behind the other. One in four is sent without a key, and not again.
func (l *load) write(ctx context.Context, writer int) {
	r := rand.New(rand.NewPCG(l.seed, uint64(writer)))
	for n := 0; ctx.Err() == nil; n++ {
		name := fmt.Sprintf("w%d-%d", writer, n)
		body := requestOf(name)
		key := name
		if r.IntN(4) == 0 {
			key = ""
		}
		if !l.sendUntilAnswered(r, name, key, body) {
			return
		}
	}
}

// requestOf is the rows of a request: each is in the request's name by its id.
func requestOf(name string) []byte {
	var b bytes.Buffer
	for i := range loadRows {
		fmt.Fprintf(&b, `{"timestamp":"2026-01-15 %02d:00:00","model_id":"m%d","model_version":"v1","environment":"production","prediction_id":"%s/%d","features":"{}","predicted_value":10,"actual_value":8}`+"\n",
			i%12, i%loadModels, name, i)
	}
	return b.Bytes()
}

// sendUntilAnswered is false if the load has to end.
func (l *load) sendUntilAnswered(r *rand.Rand, name, key string, body []byte) bool {
	for deadline := time.Now().Add(2 * time.Minute); ; {
		status, text := l.post(l.urls[r.IntN(len(l.urls))], key, body)
		switch {
		case status == http.StatusOK:
			l.answered.Add(1)
			l.note(&l.known, name)
			return true
		case status != 0 && status != http.StatusServiceUnavailable && status != http.StatusInternalServerError:
			l.fail(fmt.Errorf("%s: %d %s", name, status, text))
			return false
		case key == "":
			l.note(&l.unknown, name)
			return true
		case time.Now().After(deadline):
			l.fail(fmt.Errorf("%s was not answered in time: %d %s", name, status, text))
			return false
		}
		if status == http.StatusServiceUnavailable {
			l.refused.Add(1)
		}
		l.again.Add(1)
		time.Sleep(retryAfter) // as a client does that is told to come again
	}
}

func (l *load) note(list *[]string, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*list = append(*list, name)
}

func (l *load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = err
	}
}

// post sends a request; the status is 0 where there was no answer.
func (l *load) post(url, key string, body []byte) (status int, text string) {
	request, err := http.NewRequest(http.MethodPost, url+"/v0/events?wait=true&name=ml_model_predictions", bytes.NewReader(body)) //nolint:noctx // the client has a timeout
	if err != nil {
		panic("BUG: " + err.Error())
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := l.client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(answer)
}

// completedWithin is how long after the death of a server a request that it has left in part may stay so.
const completedWithin = 3 * time.Minute

// check holds the rows that a server has to what the load knows: each request that was acknowledged is there, once; of the others each is
// whole or not there, once what dead servers have left is completed.
func (l *load) check(t *testing.T, url string) (rows int) {
	t.Helper()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for begin := time.Now(); ; <-tick.C {
		counts := map[string]int{}
		for _, id := range predictionIDs(t, url) {
			counts[id]++
			require.Equal(t, 1, counts[id], "row %s is there twice", id)
		}
		for _, name := range l.known {
			require.Equal(t, loadRows, rowsOf(name, counts), "request %s was acknowledged", name)
		}
		there, part := 0, ""
		for _, name := range l.unknown {
			n := rowsOf(name, counts)
			if there += n; n != 0 && n != loadRows {
				part = fmt.Sprintf("%d of %d rows of request %s", n, loadRows, name)
			}
		}
		require.Len(t, counts, len(l.known)*loadRows+there, "rows that nobody has sent")
		if part == "" {
			return len(counts)
		}
		require.Less(t, time.Since(begin), completedWithin, part)
	}
}

// rowsOf counts the rows of a request.
func rowsOf(name string, counts map[string]int) (n int) {
	for i := range loadRows {
		n += counts[fmt.Sprintf("%s/%d", name, i)]
	}
	return n
}

// predictionIDs are those of all rows of a server.
func predictionIDs(t *testing.T, url string) []string {
	t.Helper()
	response, err := http.Get(url + "/v0/pipes/predictions.ndjson?model_id=*&model_version=*&environment=*&limit=0&from=2026-01-01+00:00:00&columns=prediction_id") //nolint:noctx // a test ends it
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	var ids []string
	for d := json.NewDecoder(response.Body); ; {
		var row struct {
			ID string `json:"prediction_id"`
		}
		err := d.Decode(&row)
		if err == io.EOF {
			return ids
		}
		require.NoError(t, err)
		ids = append(ids, row.ID)
	}
}
