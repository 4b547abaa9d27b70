package files

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/fakes3"
	"github.com/residualdb/residual/source/internal/connector"
)

type secret string

func (s secret) Reveal() string { return string(s) }

// day is when objects were last changed.
var day = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func start(t *testing.T) *fakes3.Server {
	t.Helper()
	s := fakes3.Start(false)
	t.Cleanup(s.Close)
	return s
}

// configOf reads a pattern of a server, soon again after a failure.
func configOf(s *fakes3.Server, pattern string) Config {
	return Config{
		S3:     &S3{Endpoint: s.URL, Region: fakes3.Region, AccessKey: secret(fakes3.AccessKey), SecretKey: secret(fakes3.SecretKey)},
		Bucket: s.Bucket, Pattern: pattern, Poll: 20 * time.Millisecond,
		Limits: Limits{Stall: 5 * time.Second, Attempts: 4, RetryFirst: time.Millisecond, RetryMax: 2 * time.Millisecond},
	}
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

func zstded(data []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll(data, nil)
}

func csvOf(name string, n int) []byte {
	text := "prediction_id;timestamp;model_id;predicted_value;features;model_version;environment\n"
	var b strings.Builder
	b.WriteString(text)
	for i := range n {
		fmt.Fprintf(&b, "%s-%06d;2026-11-01 10:00:00.000;m;%d;{};v1;prod\n", name, i, i)
	}
	return []byte(b.String())
}

type parquetRow struct {
	Timestamp   time.Time `parquet:"timestamp,timestamp(millisecond)"`
	Model       string    `parquet:"model_id,dict"`
	ID          string    `parquet:"prediction_id"`
	Features    string    `parquet:"features"`
	Predicted   float64   `parquet:"predicted_value"`
	Version     string    `parquet:"model_version"`
	Environment string    `parquet:"environment"`
}

func parquetOf(t *testing.T, name string, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[parquetRow](&b, parquet.PageBufferSize(16<<10), parquet.MaxRowsPerRowGroup(2500))
	for i := range n {
		_, err := w.Write([]parquetRow{{day, "m", fmt.Sprintf("%s-%06d", name, i), "{}", float64(i), "v1", "prod"}})
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func jsonOf(name string, n int) []byte {
	text := bytes.ReplaceAll(bytes.TrimSpace(linesOf(name, n)), []byte("\n"), []byte(",\n"))
	return append(append([]byte("[\n"), text...), ']')
}

// TestFormats reads objects of every format and compression, the formats told by content and by name.
func TestFormats(t *testing.T) {
	t.Parallel()
	s, to := start(t), newStore()
	s.Page(2)
	wide := []byte("\xff\xfe")
	for _, b := range linesOf("wide", 50) {
		wide = append(wide, b, 0)
	}
	n := 6000 // more than one run of lines
	objects := map[string][]byte{
		"plain": linesOf("plain", n), "gzip": gzipped(linesOf("gzip", n)), "zstd": zstded(linesOf("zstd", n)),
		"twice": append(gzipped(linesOf("twice", 10)), gzipped(linesOf("twice", 20)[10*len(line("twice-000000", 0)):])...),
		"csv":   csvOf("csv", n), "csvgz": gzipped(csvOf("csvgz", n)), "parquet": parquetOf(t, "parquet", n), "json": jsonOf("json", n),
		"jsonzst": zstded(jsonOf("jsonzst", 20)), "wide": wide, "mark": append([]byte("\xef\xbb\xbf"), linesOf("mark", 30)...),
		"noend": bytes.TrimSpace(linesOf("noend", 30)),
	}
	counts := map[string]int{
		"plain": n, "gzip": n, "zstd": n, "twice": 20, "csv": n, "csvgz": n, "parquet": n, "json": n, "jsonzst": 20, "wide": 50, "mark": 30, "noend": 30,
	}
	for name, data := range objects {
		s.Put("in/"+name, data, day)
	}
	s.Put("in/empty.ndjson", nil, day)
	s.Put("in/folder/", nil, day)
	s.Put("elsewhere/x", linesOf("x", 1), day)
	r := run1(t, configOf(s, "in/*"), to)
	eventually(t, func() bool { return len(to.Positions("")) == len(objects)+1 && r.Snapshot().Lag.Bytes == 0 }, "all are read: %v", to.Positions(""))
	for name := range objects {
		eventually(t, func() bool { return strings.HasPrefix(to.position("in/"+name), "done ") }, "%s: %q", name, to.position("in/"+name))
	}
	require.NoError(t, r.stop())
	require.Empty(t, to.rejects)
	requireOnce(t, to, counts)
	require.Equal(t, 1, s.Count("get", "in/gzip"))
	require.Zero(t, s.Count("get", "in/empty.ndjson"))
	snapshot := r.Snapshot()
	require.Equal(t, connector.Running, snapshot.State)
	require.NoError(t, snapshot.LastErr)
}

// TestEachVersionOnce lists again and again: what was read is not read again, what is new is, and what is overwritten replaces its rows.
// Another connector on the same store goes on where the first one was.
func TestEachVersionOnce(t *testing.T) {
	t.Parallel()
	s, to := start(t), newStore()
	s.Put("in/a.ndjson", linesOf("a", 10), day)
	r := run1(t, configOf(s, "in/**/*.ndjson"), to)
	eventually(t, func() bool { return len(to.stored()) == 10 }, "the first object is read")
	s.Put("in/deep/er/b.ndjson", linesOf("b", 10), day.Add(time.Hour))
	eventually(t, func() bool { return len(to.stored()) == 20 }, "the second object is read")
	seen := s.Count("list", "")
	eventually(t, func() bool { return s.Count("list", "") > seen+3 }, "it lists again")
	require.NoError(t, r.stop())
	require.Equal(t, 1, s.Count("get", "in/a.ndjson"))
	requireOnce(t, to, map[string]int{"a": 10, "b": 10})

	s.Put("in/a.ndjson", []byte(line("a-000003", 77)), day.Add(2*time.Hour))
	r = run1(t, configOf(s, "in/**/*.ndjson"), to)
	eventually(t, func() bool { return to.stored()["a-000003"] == 2 }, "the new version is read")
	require.NoError(t, r.stop())
	require.InDelta(t, 77, to.values["a-000003"], 0)
	require.Equal(t, 1, s.Count("get", "in/deep/er/b.ndjson"))
}

// TestRejectsSayWhere has bad lines in several runs of lines and formats.
func TestRejectsSayWhere(t *testing.T) {
	t.Parallel()
	s, to := start(t), newStore()
	good := linesOf("a", 6000)
	text := append(append([]byte(nil), good...), "{}\n"...)
	text = append(text, strings.Repeat("x", 3<<20)+"\n"...)
	text = append(append(text, line("z-000000", 1)...), "also bad"...)
	s.Put("a.ndjson", text, day)
	s.Put("b.csv", append(csvOf("b", 3), "only;three;fields\n"...), day.Add(time.Second))
	r := run1(t, configOf(s, "*"), to)
	eventually(t, func() bool { return strings.HasPrefix(to.position("b.csv"), "done ") }, "all is read")
	require.NoError(t, r.stop())
	requireOnce(t, to, map[string]int{"a": 6000, "b": 3, "z": 1})
	var places []string
	for i := range to.rejects {
		places = append(places, to.rejects[i].Place)
	}
	require.Equal(t, []string{
		"s3://events/a.ndjson, line 6001", "s3://events/a.ndjson, line 6002", "s3://events/a.ndjson, line 6004", "s3://events/b.csv, row 4",
	}, places)
}

// TestCrashes ends a connector at random moments, and loses what its store did not have yet, while a server fails at random: each row is
// stored once, whatever the format.
func TestCrashes(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s, to := start(t), newStore()
	s.Page(3)
	n := 7000
	s.Put("a.ndjson", linesOf("a", 4*n), day) // where the offset counts
	s.Put("b.ndjson.gz", gzipped(linesOf("b", n)), day)
	s.Put("c.csv", csvOf("c", n), day)
	s.Put("d.parquet", parquetOf(t, "d", n), day)
	s.Put("e.ndjson.zst", zstded(linesOf("e", n)), day)
	s.Put("f.json", jsonOf("f", n), day)
	counts := map[string]int{"a": 4 * n, "b": n, "c": n, "d": n, "e": n, "f": n}
	for i := range 20 {
		name := fmt.Sprintf("small%02d", i)
		s.Put("g/"+name+".ndjson", linesOf(name, 3), day)
		counts[name] = 3
	}
	var mu sync.Mutex
	s.Fail(func(q *fakes3.Request) *fakes3.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch random.IntN(8) {
		case 0:
			return &fakes3.Fault{Status: http.StatusServiceUnavailable, Code: "SlowDown"}
		case 1:
			return &fakes3.Fault{CutAfter: 1 + random.Int64N(1<<19)}
		case 2:
			return &fakes3.Fault{Refuse: true}
		case 3:
			return &fakes3.Fault{IgnoreRange: true, CutAfter: q.From + 1 + random.Int64N(1<<19)}
		}
		return nil
	})
	config := configOf(s, "**")
	config.Limits.Attempts, config.Limits.LoadBytes = 30, 1
	crash := errors.New("the store is gone")
	kills := 0
	for finished := false; !finished; kills++ {
		require.Less(t, kills, 500)
		mu.Lock()
		last := to.appends + 1 + random.IntN(4)
		mu.Unlock()
		to.refuse = func(n int) error {
			if n >= last {
				return crash
			}
			return nil
		}
		r := run1(t, config, to)
		eventually(t, func() bool {
			select {
			case err := <-r.done:
				require.ErrorIs(t, err, crash)
				return true
			default:
			}
			finished = len(to.Positions("")) == 26
			for _, p := range to.Positions("") {
				finished = finished && strings.HasPrefix(p, "done ")
			}
			return finished
		}, "it ends or finishes")
		if finished {
			require.NoError(t, r.stop())
		}
	}
	t.Logf("%d crashes, %d requests", kills-1, s.Count("get", ""))
	requireOnce(t, to, counts)
	require.Empty(t, to.rejects)
}

// TestChangedWhileRead overwrites an object while it is read: rows of both versions are stored, and those of the later one last.
func TestChangedWhileRead(t *testing.T) {
	t.Parallel()
	for _, ignore := range []bool{false, true} {
		s, to := start(t), newStore()
		s.Put("a.ndjson", linesOf("a", 12_000), day)
		var once sync.Once
		s.Fail(func(q *fakes3.Request) *fakes3.Fault {
			if q.Op == "get" && q.From == 0 {
				f := &fakes3.Fault{}
				once.Do(func() { f.CutAfter = 3 << 19 })
				return f
			}
			if q.Op == "get" {
				s.Put("a.ndjson", append([]byte(line("a-000001", 99)), line("b-000000", 1)...), day.Add(time.Hour))
				return &fakes3.Fault{IgnoreMatch: ignore, IgnoreRange: ignore}
			}
			return nil
		})
		r := run1(t, configOf(s, "*"), to)
		eventually(t, func() bool { return to.stored()["b-000000"] == 1 && r.Snapshot().Lag.Bytes == 0 }, "the new version is read")
		require.NoError(t, r.stop())
		require.InDelta(t, 99, to.values["a-000001"], 0)
		require.ErrorContains(t, r.Snapshot().LastErr, "s3://events/a.ndjson: it was changed while it was read")
		require.Less(t, len(to.stored()), 12_000)
		require.Equal(t, 1, to.stored()["a-000002"])
	}
}

// TestUnreadable has files that are not what they should be: they are shown and remembered, others are read, and a new version or a demand
// has them read again.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	s, to := start(t), newStore()
	packed := gzipped(linesOf("cut", 12_000))
	s.Put("0.parquet", []byte("PAR1 is no Parquet file at all PAR1"), day)
	s.Put("1.ndjson.gz", packed[:len(packed)*3/4], day.Add(time.Second))
	s.Put("2.bin", []byte("\x00\x01\x02"), day.Add(2*time.Second))
	s.Put("3.xlsx", []byte("PK\x03\x04xxx"), day.Add(3*time.Second))
	s.Put("4.parquet.gz", gzipped(parquetOf(t, "p", 2)), day.Add(4*time.Second))
	s.Put("5.csv", []byte("these,are,others\na,b,c\n"), day.Add(5*time.Second))
	s.Put("6.json", []byte("[{},"), day.Add(6*time.Second))
	s.Put("9.ndjson", linesOf("good", 5), day.Add(9*time.Second))
	r := run1(t, configOf(s, "*"), to)
	eventually(t, func() bool { return strings.HasPrefix(to.position("9.ndjson"), "done ") }, "the good one is read")
	seen := s.Count("list", "")
	eventually(t, func() bool { return s.Count("list", "") > seen+3 }, "it lists again")
	for _, key := range []string{"0.parquet", "1.ndjson.gz", "2.bin", "3.xlsx", "4.parquet.gz", "5.csv", "6.json"} {
		require.True(t, strings.HasPrefix(to.position(key), "failed "), "%s: %s", key, to.position(key))
	}
	snapshot := r.Snapshot()
	require.Equal(t, uint64(7), snapshot.Counts.Failed)
	require.Equal(t, connector.Running, snapshot.State)
	require.ErrorContains(t, snapshot.LastErr, "s3://events/6.json: it cannot be read: the file begins as a JSON array")
	require.Len(t, to.rejects, 8, "each is in the quarantine, and a line in front of the error")
	require.Equal(t, "s3://events/6.json", to.rejects[7].Place)
	require.Contains(t, string(to.rejects[7].Raw), "the file begins as a JSON array")
	require.Equal(t, 1, s.Count("get", "1.ndjson.gz"))
	r.asked <- struct{}{}
	eventually(t, func() bool { return s.Count("get", "6.json") == 2 }, "they are tried again on demand")
	s.Put("6.json", jsonOf("six", 3), day.Add(10*time.Second))
	eventually(t, func() bool { return to.stored()["six-000002"] == 1 }, "the new version is read")
	require.NoError(t, r.stop())
	require.Equal(t, 2, s.Count("get", "1.ndjson.gz"))
	require.Equal(t, 1, to.stored()["good-000001"])
	require.Positive(t, to.stored()["cut-000001"])
}

// TestSettingsThatAreWrong gives each the advice that it needs.
func TestSettingsThatAreWrong(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Put("a.ndjson", linesOf("a", 1), day)
	tls := fakes3.Start(true)
	t.Cleanup(tls.Close)
	f := func(want string, change func(*Config), fault *fakes3.Fault) {
		t.Helper()
		c := configOf(s, "*")
		s3 := *c.S3
		c.S3 = &s3
		c.Limits.Attempts = 2
		if change != nil {
			change(&c)
		}
		s.Fail(func(*fakes3.Request) *fakes3.Fault { return fault })
		r := run1(t, c, newStore())
		err := <-r.done
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), fakes3.SecretKey)
		require.NotEmpty(t, connector.Advice(err), err)
	}
	f("there is no bucket others", func(c *Config) { c.Bucket = "others" }, nil)
	f("the server does not know the key: check S3_ACCESS_KEY", func(c *Config) { c.S3.AccessKey = secret("other") }, nil)
	f("write S3_REGION eu-test-1", func(c *Config) { c.S3.Region = "us-east-1" }, nil)
	f("nothing listens there", func(c *Config) { c.S3.Endpoint = "http://127.0.0.1:1" }, nil)
	f("check the name of the server", func(c *Config) { c.S3.Endpoint = "http://no-such-host.invalid" }, nil)
	f("the server speaks no TLS: write http://", func(c *Config) { c.S3.Endpoint = strings.Replace(s.URL, "http:", "https:", 1) }, nil)
	f("the server speaks TLS: write https://", func(c *Config) { c.S3.Endpoint = strings.Replace(tls.URL, "https:", "http:", 1) }, nil)
	f("add the certificate that signs the server's", func(c *Config) { c.S3.Endpoint = tls.URL }, nil)
	f("check S3_SECRET", nil, &fakes3.Fault{Status: 403, Code: "SignatureDoesNotMatch"})
	f("allow s3:ListBucket on the bucket events", nil, &fakes3.Fault{Status: 403, Code: "AccessDenied"})
	f("set it by NTP", nil, &fakes3.Fault{Status: 403, Code: "RequestTimeTooSkewed"})
	f("the bucket is in another region: write S3_REGION eu-west-9", nil, &fakes3.Fault{Status: 301, Code: "PermanentRedirect", Region: "eu-west-9"})
	f("it is asked again", nil, &fakes3.Fault{Status: 503, Code: "SlowDown"})
	f("check S3_ACCESS_KEY and S3_SECRET, and that the key may list the bucket events", nil, &fakes3.Fault{Status: 403, Code: "Unheard"})
	f("may be no S3 server", nil, &fakes3.Fault{Status: 405, Code: "MethodNotAllowed"})
	f("add S3_ACCESS_KEY and S3_SECRET, or give the machine a role", func(c *Config) {
		c.S3.AccessKey, c.S3.SecretKey = nil, nil
	}, nil)
}

// TestForbidden has objects that may not be read: others are, and those later. Where none may be read, that is the place's error.
func TestForbidden(t *testing.T) {
	t.Parallel()
	s, to := start(t), newStore()
	for i := range 10 {
		s.Put(fmt.Sprintf("%02d.ndjson", i), linesOf(fmt.Sprintf("o%02d", i), 2), day)
	}
	denied := &fakes3.Fault{Status: 403, Code: "AccessDenied"}
	s.Fail(func(q *fakes3.Request) *fakes3.Fault {
		if q.Key == "04.ndjson" {
			return denied
		}
		return nil
	})
	r := run1(t, configOf(s, "*"), to)
	eventually(t, func() bool { return len(to.stored()) == 18 && r.Snapshot().State == connector.Failing }, "the others are read")
	require.ErrorContains(t, r.Snapshot().Err, "s3://events/04.ndjson: it may not be read")
	s.Fail(nil)
	eventually(t, func() bool { return len(to.stored()) == 20 && r.Snapshot().State == connector.Running }, "it is read when it may be")
	require.NoError(t, r.stop())

	for i := range 30 {
		s.Put(fmt.Sprintf("n%02d.ndjson", i), linesOf(fmt.Sprintf("n%02d", i), 2), day)
	}
	s.Fail(func(q *fakes3.Request) *fakes3.Fault {
		if q.Op == "get" {
			return denied
		}
		return nil
	})
	r = run1(t, configOf(s, "*"), to)
	require.ErrorContains(t, <-r.done, "allow s3:GetObject on the objects of events")
	require.Len(t, to.Positions(""), 10)
}

// TestSlowServer has connections that stall: they are given up, and the object is read to its end.
func TestSlowServer(t *testing.T) {
	t.Parallel()
	s, to := start(t), newStore()
	s.Put("a.ndjson", linesOf("a", 7000), day)
	stalls := 0
	s.Fail(func(q *fakes3.Request) *fakes3.Fault {
		if q.Op == "get" && stalls < 3 {
			stalls++
			return &fakes3.Fault{StallAfter: 500_000}
		}
		return nil
	})
	c := configOf(s, "*")
	c.Limits.Stall = 100 * time.Millisecond
	r := run1(t, c, to)
	eventually(t, func() bool { return strings.HasPrefix(to.position("a.ndjson"), "done ") }, "it is read")
	require.NoError(t, r.stop())
	requireOnce(t, to, map[string]int{"a": 7000})
	require.GreaterOrEqual(t, r.Snapshot().Counts.Retries, uint64(2))
}

// TestManyObjects lists more than are kept of a listing: they are read in the order of their last change all the same.
func TestManyObjects(t *testing.T) {
	t.Parallel()
	s, to := start(t), newStore()
	s.Page(7)
	counts := map[string]int{}
	for i := range 120 {
		name := fmt.Sprintf("o%03d", i*7%120)
		s.Put("in/"+name, []byte(line(name+"-000000", 1)+line("last", float64(i))), day.Add(time.Duration(i)*time.Second))
		counts[name] = 1
	}
	made, err := New(configOf(s, "in/*"))
	require.NoError(t, err)
	made.backlogMax = 25
	r := runMade(t, made, to)
	eventually(t, func() bool { return len(to.stored()) == 121 }, "all are read")
	require.NoError(t, r.stop())
	require.InDelta(t, 119, to.values["last"], 0)
	require.Equal(t, 120, to.times["last"])
}

// TestForget has objects that vanish: they are forgotten after a while, but not where nothing is listed any more.
func TestForget(t *testing.T) {
	t.Parallel()
	s, to := start(t), newStore()
	s.Put("a", linesOf("a", 1), day)
	s.Put("b", linesOf("b", 1), day)
	c := configOf(s, "*")
	c.Limits.Forget = time.Second
	r := run1(t, c, to)
	eventually(t, func() bool { return len(to.Positions("")) == 2 }, "both are read")
	s.Remove("a")
	eventually(t, func() bool { return len(to.Positions("")) == 1 }, "one is forgotten")
	s.Remove("b")
	time.Sleep(1500 * time.Millisecond)
	require.Len(t, to.Positions(""), 1)
	require.NoError(t, r.stop())
}

// TestSchedules runs what is asked for, and what is once there.
func TestSchedules(t *testing.T) {
	t.Parallel()
	s, to := start(t), newStore()
	s.Put("a", linesOf("a", 3), day)
	c := configOf(s, "*")
	c.Schedule = Once
	r := run1(t, c, to)
	eventually(t, func() bool { return to.position("schedule of s3://events/*") == "once" }, "what is there is read once")
	s.Put("b", linesOf("b", 3), day.Add(time.Second))
	require.NoError(t, r.stop())
	lists := s.Count("list", "")
	r = run1(t, c, to)
	eventually(t, func() bool { return r.Snapshot().State == connector.Running }, "it does nothing")
	require.NoError(t, r.stop())
	require.Equal(t, lists, s.Count("list", ""))
	requireOnce(t, to, map[string]int{"a": 3})

	c.Schedule = OnDemand
	r = run1(t, c, to)
	eventually(t, func() bool { return r.Snapshot().State == connector.Running }, "it waits")
	require.Equal(t, lists, s.Count("list", ""))
	r.asked <- struct{}{}
	eventually(t, func() bool { return to.position("b") != "" && to.position("schedule of s3://events/*") == "" }, "what is there is read when it is asked for")
	require.NoError(t, r.stop())
	requireOnce(t, to, map[string]int{"a": 3, "b": 3})

	to.positions["schedule of s3://events/*"] = "asked" // as a process leaves it that is ended meanwhile
	s.Put("c", linesOf("c", 3), day.Add(time.Second))
	r = run1(t, c, to)
	eventually(t, func() bool { return to.position("c") != "" }, "what was asked for is done")
	require.NoError(t, r.stop())

	c.Schedule, c.From = Auto, day.Add(time.Hour)
	s.Put("d", linesOf("d", 3), day.Add(time.Hour-time.Second))
	s.Put("e", linesOf("e", 3), day.Add(time.Hour))
	r = run1(t, c, to)
	eventually(t, func() bool { return to.position("e") != "" }, "what is new is read")
	require.NoError(t, r.stop())
	requireOnce(t, to, map[string]int{"a": 3, "b": 3, "c": 3, "e": 3})
}
