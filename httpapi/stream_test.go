package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/testing/patience"
)

// longStore answers with so many rows.
type longStore struct {
	*fakeStore

	rows int
}

func (s longStore) Metrics(context.Context, engine.MetricsQuery) (engine.MetricsResult, error) {
	result := engine.MetricsResult{Rows: make([]engine.MetricsRow, s.rows)}
	for i := range result.Rows {
		result.Rows[i] = engine.MetricsRow{
			Model: "model_" + strconv.Itoa(i), Version: "v", Environment: "\"e\\", PredictionCount: uint64(i), RMSE: float64(i) + 0.1,
			MAE: math.Inf(1), PeriodStart: now, PeriodEnd: now,
		}
	}
	return result, nil
}

func (s longStore) EachMetrics(ctx context.Context, q engine.MetricsQuery, yield func(*engine.MetricsRow) bool) (engine.Read, error) {
	result, err := s.Metrics(ctx, q)
	yieldAll(result.Rows, yield)
	return result.Read, err
}

func (s longStore) EachReject(_ context.Context, _ engine.QuarantineQuery, yield func(*engine.QuarantineRow) bool) (engine.Read, error) {
	var result engine.QuarantineResult
	for i := range s.rows {
		result.Rows = append(result.Rows, engine.QuarantineRow{
			Source: engine.SourcePredictions, Column: "c", Reason: "r", ImportID: "i", InsertedAt: now, Line: longLine(i),
		})
	}
	return yieldRejects(result.Rows, yield), nil
}

// longLine is a line of 0 to 100 KB with all that needs an escape, characters of several bytes, and bytes that are none.
func longLine(i int) []byte {
	line := bytes.Repeat([]byte("\"\\\n\x00ü€😀,'"), i%7*1000)
	if i%3 == 0 {
		line = append(line, "\xff\xfe\xff"...)
	}
	return line
}

// TestLongAnswers asks for answers of one piece and of many, in every format: their bytes are those of one that is
// written at once.
func TestLongAnswers(t *testing.T) {
	for _, rows := range []int{1, 100, 511, 512, 513, 20_000} {
		server := startWith(t, longStore{newFakeStore(), rows}, httpapi.Options{})
		for _, extension := range []string{"json", "jsoncompact", "ndjson", "csv", "csvwithnames", "parquet", "prometheus"} {
			resp, body := server.do(t, "GET", "/v0/pipes/model_performance_metrics."+extension+"?model_id=*", nil)
			require.Equal(t, http.StatusOK, resp.StatusCode)
			if len(body) < 32<<10 && rows < 512 || len(body) > 33<<10 {
				require.Equal(t, len(body) > 32<<10, resp.Header.Get("Content-Length") == "", "%s, %d bytes", extension, len(body))
			}
			var names []string
			switch extension {
			case "json":
				var answer struct {
					Data []map[string]any
					Rows int
				}
				require.NoError(t, json.Unmarshal([]byte(body), &answer))
				require.Equal(t, rows, answer.Rows)
				for _, row := range answer.Data {
					names = append(names, row["model_id"].(string))
				}
			case "jsoncompact":
				var answer struct {
					Data [][]any
					Rows int
				}
				require.NoError(t, json.Unmarshal([]byte(body), &answer))
				require.Equal(t, rows, answer.Rows)
				for _, row := range answer.Data {
					names = append(names, row[0].(string))
				}
			case "ndjson":
				for line := range strings.Lines(body) {
					var row struct {
						ModelID string `json:"model_id"`
					}
					require.NoError(t, json.Unmarshal([]byte(line), &row))
					names = append(names, row.ModelID)
				}
			case "csv", "csvwithnames":
				records, err := csv.NewReader(strings.NewReader(body)).ReadAll()
				require.NoError(t, err)
				if extension == "csvwithnames" {
					require.Equal(t, "model_id", records[0][0])
					records = records[1:]
				}
				for _, record := range records {
					names = append(names, record[0])
				}
			case "parquet":
				file := parquet.NewGenericReader[struct {
					ModelID string `parquet:"model_id"`
				}](strings.NewReader(body))
				read := make([]struct {
					ModelID string `parquet:"model_id"`
				}, rows+1)
				n, err := file.Read(read)
				require.ErrorIs(t, err, io.EOF)
				for _, row := range read[:n] {
					names = append(names, row.ModelID)
				}
			case "prometheus":
				for line := range strings.Lines(body) {
					if rest, ok := strings.CutPrefix(line, `model_performance_metrics_rmse{model_id="`); ok {
						name, _, _ := strings.Cut(rest, `"`)
						names = append(names, name)
					}
				}
			}
			require.Len(t, names, rows, extension)
			for i, name := range names {
				require.Equal(t, "model_"+strconv.Itoa(i), name, extension)
			}
		}
	}
}

// TestLongTexts asks for lines that are longer than a piece.
func TestLongTexts(t *testing.T) {
	const rows = 50
	server := startWith(t, longStore{newFakeStore(), rows}, httpapi.Options{})
	_, body := server.do(t, "GET", "/v0/pipes/quarantine.json", nil)
	var answer struct{ Data []struct{ Line string } }
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	require.Len(t, answer.Data, rows)
	_, body = server.do(t, "GET", "/v0/pipes/quarantine.csv", nil)
	records, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	require.NoError(t, err)
	require.Len(t, records, rows)
	for i := range rows {
		line := string(longLine(i))
		require.Equal(t, strings.ToValidUTF8(line, "\ufffd"), answer.Data[i].Line)
		require.Equal(t, line, records[i][4])
	}
}

// TestLongAnswerHTTP10 asks as nginx does by default: the answer ends with the connection.
func TestLongAnswerHTTP10(t *testing.T) {
	server := startWith(t, longStore{newFakeStore(), 20_000}, httpapi.Options{})
	const request = "GET /v0/pipes/model_performance_metrics.csv?model_id=* HTTP/1.0\r\nHost: localhost\r\n"
	for _, headers := range []string{"", "Connection: keep-alive\r\n"} {
		answer := exchange(t, server.addr, request+headers+"\r\n")
		head, body, _ := strings.Cut(answer, "\r\n\r\n")
		require.Contains(t, head, "200 OK")
		require.Contains(t, head, "Connection: close")
		require.NotContains(t, head, "Transfer-Encoding")
		require.NotContains(t, head, "Content-Length")
		require.Equal(t, 20_000, strings.Count(body, "\n"))
	}
	head := exchange(t, server.addr, strings.Replace(request, "GET", "HEAD", 1)+"\r\n")
	require.True(t, strings.HasSuffix(head, "\r\n\r\n"), head)
}

// failingStore has a long answer that fails on its way, when it is let.
type failingStore struct {
	*fakeStore

	let chan struct{}
}

func (s failingStore) EachMetrics(_ context.Context, _ engine.MetricsQuery, yield func(*engine.MetricsRow) bool) (engine.Read, error) {
	row := engine.MetricsRow{Model: strings.Repeat("m", 256)}
	for range 20_000 {
		if !yield(&row) {
			return engine.Read{}, nil
		}
	}
	<-s.let
	return engine.Read{}, errors.New("the disk is gone")
}

// TestCutAnswerHTTP10 cuts an answer that ends with its connection: by a query that fails and by a server that stops. The client
// sees a reset and no end.
func TestCutAnswerHTTP10(t *testing.T) {
	for _, stops := range []bool{false, true} {
		store := failingStore{newFakeStore(), make(chan struct{})}
		server := startWith(t, store, httpapi.Options{})
		conn := dial(t, server.addr)
		_, err := io.WriteString(conn, "GET /v0/pipes/model_performance_metrics.csv?model_id=* HTTP/1.0\r\nHost: localhost\r\n\r\n")
		require.NoError(t, err)
		_, err = io.ReadFull(conn, make([]byte, 1<<20))
		require.NoError(t, err)
		if stops {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_ = server.Shutdown(ctx)
		}
		close(store.let)
		_, err = io.Copy(io.Discard, conn)
		require.ErrorIs(t, err, syscall.ECONNRESET, "stops: %t", stops)
	}
}

// stall asks for an answer, reads its status and no more.
func (s *running) stall(t *testing.T, target string) {
	t.Helper()
	conn := dial(t, s.addr)
	_, err := io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	_, err = bufio.NewReaderSize(conn, 16).ReadString('\n')
	require.NoError(t, err)
}

// awaitSample waits until a sample of /metrics has a value.
func (s *running) awaitSample(t *testing.T, name string, value float64) {
	t.Helper()
	require.Eventually(t, func() bool { return scrape(t, s)[name] == value }, time.Minute, 5*time.Millisecond)
}

// awaitCut waits until one answer was cut.
func (s *running) awaitCut(t *testing.T) {
	t.Helper()
	s.awaitSample(t, "residual_http_answers_cut_total", 1)
}

// awaitRoom waits until no answer holds memory.
func (s *running) awaitRoom(t *testing.T) {
	t.Helper()
	s.awaitSample(t, "residual_http_answer_bytes", 0)
}

const longTarget = "/v0/pipes/model_performance_metrics.json?model_id=*"

// TestSlowReaders asks for a long answer and does not read it: after its time the connection ends, inside a chunk, and
// the answer is counted as cut.
func TestSlowReaders(t *testing.T) {
	patience.Try(t, 50*time.Millisecond, func(limit time.Duration) (enough bool) {
		server := startWith(t, longStore{newFakeStore(), 100_000}, httpapi.Options{Limits: httpapi.Limits{WriteTimeout: limit}})
		conn := dial(t, server.addr)
		_, err := io.WriteString(conn, get(longTarget))
		require.NoError(t, err)
		server.awaitCut(t)
		require.Zero(t, scrape(t, server)["residual_http_answer_bytes"])
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		require.Equal(t, http.StatusOK, resp.StatusCode)
		_, err = io.Copy(io.Discard, resp.Body)
		require.Error(t, err, "the answer is not whole")
		return true
	})
}

// TestStalledReadersMakeRoom fills the memory for long answers with clients that do not read. One that does gets its answer.
func TestStalledReadersMakeRoom(t *testing.T) {
	server := startWith(t, longStore{newFakeStore(), 100_000}, httpapi.Options{
		Limits: httpapi.Limits{AnswerBytesMax: 2 << 20, WriteTimeout: time.Hour, AnswerTimeout: time.Hour},
	})
	for range 8 { // more than there is memory for
		server.stall(t, longTarget)
	}
	for _, target := range []string{longTarget, "/metrics"} { // which is more than one piece too
		require.Eventually(t, func() bool {
			resp, body := server.do(t, "GET", target, nil)
			return resp.StatusCode == http.StatusOK && (target == longTarget || parseExposition(t, body)["residual_http_answers_cut_total"] > 0)
		}, time.Minute, 10*time.Millisecond)
	}
}

// TestAnswerThatNeverFits is told so, and not to come again.
func TestAnswerThatNeverFits(t *testing.T) {
	for _, extension := range []string{"json", "prometheus"} {
		limit := map[string]int64{"json": 256 << 10, "prometheus": 1 << 20}[extension]
		server := startWith(t, longStore{newFakeStore(), 100_000}, httpapi.Options{Limits: httpapi.Limits{AnswerBytesMax: limit}})
		resp, body := server.do(t, "GET", "/v0/pipes/model_performance_metrics."+extension+"?model_id=*", nil)
		require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode, body)
		require.Contains(t, errorText(t, body), "does not fit")
	}
}

// endlessStore hands on rows as long as somebody takes them.
type endlessStore struct {
	*fakeStore

	ended chan struct{}
}

func (s endlessStore) EachMetrics(ctx context.Context, _ engine.MetricsQuery, yield func(*engine.MetricsRow) bool) (engine.Read, error) {
	row := engine.MetricsRow{Model: strings.Repeat("m", 256)}
	for ctx.Err() == nil && yield(&row) {
	}
	s.ended <- struct{}{}
	return engine.Read{}, ctx.Err()
}

// awaitEnd waits until nobody takes rows any more.
func (s endlessStore) awaitEnd() { <-s.ended }

// TestLateAnswers asks for an answer without an end and reads all that comes: it is cut off in time, and so is its query.
func TestLateAnswers(t *testing.T) {
	patience.Try(t, 100*time.Millisecond, func(limit time.Duration) (enough bool) {
		store := endlessStore{newFakeStore(), make(chan struct{}, 1)}
		server := startWith(t, store, httpapi.Options{Limits: httpapi.Limits{AnswerTimeout: limit}})
		n := int64(0)
		resp, err := http.Get(server.url(longTarget))
		if err == nil {
			require.Equal(t, http.StatusOK, resp.StatusCode)
			n, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close() // which says the same
		}
		require.Error(t, err, "the answer is not whole")
		store.awaitEnd()
		server.awaitCut(t)
		server.awaitRoom(t)
		return n > 0
	})
}

// TestClientLeaves closes the connection in the middle of an answer without an end: its query ends, too.
func TestClientLeaves(t *testing.T) {
	store := endlessStore{newFakeStore(), make(chan struct{}, 1)}
	server := startWith(t, store, httpapi.Options{})
	resp, err := http.Get(server.url(longTarget))
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, resp.Body, 1<<20)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	store.awaitEnd()
	server.awaitRoom(t)
}

// TestRequestsOfOneConnection sends as many requests as a connection may have: it ends after the last.
func TestRequestsOfOneConnection(t *testing.T) {
	if !*long {
		t.Skip("needs -residual.long: 100,000 requests take some seconds")
	}
	server := start(t, httpapi.Options{Logger: slog.New(slog.DiscardHandler)})
	conn := dial(t, server.addr)
	require.NoError(t, conn.SetDeadline(time.Time{}))
	go func() {
		w := bufio.NewWriter(conn)
		for range httpapi.RequestsPerConnMax {
			_, _ = io.WriteString(w, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
		}
		_ = w.Flush() // the connection may have ended
	}()
	reader := bufio.NewReader(conn)
	for i := range httpapi.RequestsPerConnMax {
		resp, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, i == httpapi.RequestsPerConnMax-1, resp.Close)
	}
	_, err := reader.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}
