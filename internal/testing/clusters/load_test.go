package clusters_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a load sends: requests of some rows of some models each, which lie on both shards, and one row of the writer that each of its requests
// sends anew, with another value.
const (
	loadModels, loadRows = 12, 24
	loadWriters          = 8
	retryAfter           = 50 * time.Millisecond
	// answeredWithin is how long a request is sent again before the load fails.
	answeredWithin = 2 * time.Minute
)

// load is clients that send requests to servers, again under the same key until they are answered, or once and never again.
type load struct {
	urls   []string
	client http.Client
	stop   context.CancelFunc
	ended  sync.WaitGroup
	seed   uint64

	// refused counts answers 503, which must say when to come again; seen, questions whose answer had what was acknowledged before.
	answered, refused, again, seen atomic.Int64

	mu sync.Mutex
	// known has the requests that were acknowledged; unknown those of which nobody has said what became of them.
	known, unknown []string
	// acknowledged and sent are the last values of the row that each writer sends anew.
	acknowledged, sent [loadWriters]int
	longest            time.Duration
	failed             error
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
		body := requestOf(name, writer, n)
		key := name
		if r.IntN(4) == 0 {
			key = ""
		}
		l.mu.Lock()
		l.sent[writer] = n
		l.mu.Unlock()
		status, ok := l.sendUntilAnswered(r, name, key, body)
		if !ok {
			return
		}
		if status != http.StatusOK {
			continue
		}
		l.mu.Lock()
		l.acknowledged[writer] = n
		l.mu.Unlock()
		if err := l.see(r, name, writer, n); err != nil {
			l.fail(err)
			return
		}
	}
}

// requestOf is the rows of a request, each of which has the name of the request in its id, and the row that its writer sends anew.
func requestOf(name string, writer, n int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"timestamp":"2026-01-15 00:00:00","model_id":"m%d","model_version":"v1","environment":"production","prediction_id":"%s%d","features":"{}","predicted_value":%d,"actual_value":8}`+"\n",
		writer, anewPrefix, writer, n)
	for i := range loadRows {
		fmt.Fprintf(&b, `{"timestamp":"2026-01-15 %02d:00:00","model_id":"m%d","model_version":"v1","environment":"production","prediction_id":"%s/%d","features":"{}","predicted_value":10,"actual_value":8}`+"\n",
			i%12, i%loadModels, name, i)
	}
	return b.Bytes()
}

// anewPrefix begins the id of the row that a writer sends anew, probePrefix that of a row which is not of the load.
const (
	anewPrefix  = "anew/"
	probePrefix = "probe/"
)

// see asks any server for rows of a request that was acknowledged, which must be there: its first one, and the one that is sent anew, with the
// value of this request. What cannot be answered now says nothing.
func (l *load) see(r *rand.Rand, name string, writer, n int) error {
	for id, value := range map[string]float64{name + "/0": 10, anewPrefix + strconv.Itoa(writer): float64(n)} {
		model := "m0"
		if strings.HasPrefix(id, anewPrefix) {
			model = "m" + strconv.Itoa(writer)
		}
		status, rows, err := predictions(&l.client, l.urls[r.IntN(len(l.urls))], "&model_id="+model+"&prediction_id="+id)
		if err != nil || status != http.StatusOK {
			continue
		}
		if len(rows) != 1 || rows[0].Value != value {
			return fmt.Errorf("request %s is acknowledged, and after that there is of row %s, with value %g: %v", name, id, value, rows)
		}
		l.seen.Add(1)
	}
	return nil
}

// sendUntilAnswered returns the last answer to a request; ok is false if the load has to end.
func (l *load) sendUntilAnswered(r *rand.Rand, name, key string, body []byte) (status int, ok bool) {
	begin := time.Now()
	for {
		status, comeAgain, text := l.post(l.urls[r.IntN(len(l.urls))], key, body)
		if status == http.StatusServiceUnavailable {
			l.refused.Add(1)
			if comeAgain < 1 {
				l.fail(fmt.Errorf("%s: a refusal without Retry-After: %s", name, text))
				return status, false
			}
		}
		switch {
		case status == http.StatusOK:
			l.answered.Add(1)
			l.note(&l.known, name)
			l.mu.Lock()
			l.longest = max(l.longest, time.Since(begin))
			l.mu.Unlock()
			return status, true
		case status != 0 && status != http.StatusServiceUnavailable:
			l.fail(fmt.Errorf("%s: %d %s", name, status, text))
			return status, false
		case key == "":
			l.note(&l.unknown, name)
			return status, true
		case time.Since(begin) > answeredWithin:
			l.fail(fmt.Errorf("%s was not answered in time: %d %s", name, status, text))
			return status, false
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

// post sends a request; the status is 0 where there was no answer, and comeAgain the seconds of Retry-After.
func (l *load) post(url, key string, body []byte) (status, comeAgain int, text string) {
	request, err := http.NewRequest(http.MethodPost, url+"/v0/events?wait=true&name=ml_model_predictions", bytes.NewReader(body)) //nolint:noctx // the client has a timeout
	if err != nil {
		panic("BUG: " + err.Error())
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := l.client.Do(request)
	if err != nil {
		return 0, 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, 0, err.Error()
	}
	comeAgain, _ = strconv.Atoi(response.Header.Get("Retry-After"))
	return response.StatusCode, comeAgain, string(answer)
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
		counts, others := map[string]int{}, 0
		for _, row := range allPredictions(t, url) {
			counts[row.ID]++
			require.Equal(t, 1, counts[row.ID], "row %s is there twice", row.ID)
			if strings.HasPrefix(row.ID, probePrefix) {
				others++
			}
			if writer, ok := strings.CutPrefix(row.ID, anewPrefix); ok {
				n, err := strconv.Atoi(writer)
				require.NoError(t, err)
				others++
				require.GreaterOrEqual(t, int(row.Value), l.acknowledged[n], "an acknowledged value of writer %d is lost", n)
				require.LessOrEqual(t, int(row.Value), l.sent[n])
			}
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
		require.Len(t, counts, len(l.known)*loadRows+there+others, "rows that nobody has sent")
		if part == "" {
			return len(counts)
		}
		require.Less(t, time.Since(begin), completedWithin, part)
	}
}

// checkAll is check of several servers. They have the same rows once what dead servers have left is completed, which may be between two checks.
func (l *load) checkAll(t *testing.T, servers []*process) (rows int) {
	t.Helper()
	for begin := time.Now(); ; {
		rows = l.check(t, servers[0].url)
		same := true
		for _, s := range servers[1:] {
			same = same && l.check(t, s.url) == rows
		}
		if same {
			return rows
		}
		require.Less(t, time.Since(begin), completedWithin, "servers have different rows")
	}
}

// rowsOf counts the rows of a request.
func rowsOf(name string, counts map[string]int) (n int) {
	for i := range loadRows {
		n += counts[fmt.Sprintf("%s/%d", name, i)]
	}
	return n
}

// prediction is a row as a question has it.
type prediction struct {
	ID    string  `json:"prediction_id"`
	Value float64 `json:"predicted_value"`
}

// allPredictions are the rows that a server has.
func allPredictions(t *testing.T, url string) []prediction {
	t.Helper()
	status, rows, err := predictions(http.DefaultClient, url, "&model_id=*")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	return rows
}

// predictions asks a server for rows.
func predictions(client *http.Client, url, of string) (status int, rows []prediction, err error) {
	response, err := client.Get(url + "/v0/pipes/predictions.ndjson?model_version=*&environment=*&limit=0&from=2026-01-01+00:00:00&columns=prediction_id,predicted_value" + of) //nolint:noctx // a test ends it
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return response.StatusCode, nil, nil
	}
	for d := json.NewDecoder(response.Body); ; {
		var row prediction
		switch err := d.Decode(&row); err {
		case nil:
			rows = append(rows, row)
		case io.EOF:
			return response.StatusCode, rows, nil
		default:
			return response.StatusCode, rows, err
		}
	}
}
