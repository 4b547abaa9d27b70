package files

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/fakes3"
	"github.com/residualdb/residual/source/internal/connector"
)

// TestETags reads each version once whatever its ETag looks like, also one that no request can ask for, and keeps versions apart by it.
func TestETags(t *testing.T) {
	t.Parallel()
	for name, tag := range map[string]func(string) string{
		"weak":       func(etag string) string { return `W/"` + etag + `"` },
		"blank":      func(etag string) string { return `"a b ` + etag + `"` },
		"not ASCII":  func(etag string) string { return `"é` + etag + `"` },
		"no quotes":  func(etag string) string { return etag },
		"parts":      func(etag string) string { return `"` + etag + `-3"` },
		"very long":  func(etag string) string { return `"` + strings.Repeat("x", 5000) + etag + `"` },
		"with quote": func(etag string) string { return `"a"` + etag + `"` },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, to := start(t), newStore()
			s.Tag(tag)
			s.Put("a.ndjson", linesOf("a", 6000), day) // in more than one request
			s.Fail(func(q *fakes3.Request) *fakes3.Fault {
				if q.Op == "get" && q.From == 0 {
					return &fakes3.Fault{CutAfter: 100_000}
				}
				return nil
			})
			r := run1(t, configOf(s, "*"), to)
			eventually(t, func() bool { return strings.HasPrefix(to.position("a.ndjson"), "done ") }, "%+v", r.Snapshot())
			s.Put("a.ndjson", linesOf("b", 2), day.Add(time.Hour))
			eventually(t, func() bool { return len(to.stored()) == 6002 }, "the new version is read")
			require.NoError(t, r.stop())
			requireOnce(t, to, map[string]int{"a": 6000, "b": 2})
			require.Equal(t, connector.Running, r.Snapshot().State)
		})
	}
}

// TestNoS3Server has what answers be no S3 server, or one that never ends: that is shown, with what to do.
func TestNoS3Server(t *testing.T) {
	t.Parallel()
	const endless = `<?xml version="1.0"?><ListBucketResult><Name>events</Name><IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>` +
		`<Contents><Key>a.ndjson</Key><Size>1</Size><ETag>"x"</ETag><LastModified>2026-11-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>`
	for answer, want := range map[string]string{
		"<html><body>Please log in</body></html>": "no listing of a bucket",
		`{"ok":true}`: "no listing of a bucket",
		endless:       "the same keys again and again",
	} {
		s, to := start(t), newStore()
		s.Fail(func(*fakes3.Request) *fakes3.Fault { return &fakes3.Fault{Answer: answer} })
		r := run1(t, configOf(s, "*"), to)
		err := <-r.done
		require.ErrorContains(t, err, want)
		require.Contains(t, connector.Advice(err), "S3_ENDPOINT")
	}
}

// TestShorterThanListed has an object of which less comes than was listed: the others are read, and it is tried again.
func TestShorterThanListed(t *testing.T) {
	t.Parallel()
	s, to := start(t), newStore()
	s.Put("a.ndjson", linesOf("a", 100), day)
	s.Put("b.ndjson", linesOf("b", 3), day.Add(time.Hour))
	s.Fail(func(q *fakes3.Request) *fakes3.Fault {
		if q.Key == "a.ndjson" {
			return &fakes3.Fault{Short: 1000}
		}
		return nil
	})
	r := run1(t, configOf(s, "*"), to)
	eventually(t, func() bool { return to.stored()["b-000002"] == 1 && r.Snapshot().State == connector.Failing }, "%+v", r.Snapshot())
	require.ErrorContains(t, r.Snapshot().Err, "s3://events/a.ndjson: the server sends less of it than it lists")
	s.Fail(nil)
	eventually(t, func() bool { return r.Snapshot().State == connector.Running }, "%+v", r.Snapshot())
	require.NoError(t, r.stop())
	requireOnce(t, to, map[string]int{"a": 100, "b": 3})
}

// TestCutOff has files end in the middle of their compression: the whole lines before that are stored.
func TestCutOff(t *testing.T) {
	t.Parallel()
	s, to := start(t), newStore()
	whole := gzipped(linesOf("a", 4000))
	s.Put("a.ndjson.gz", whole[:len(whole)*3/4], day)
	s.Put("b.ndjson.gz", append(gzipped(linesOf("b", 3)), "garbage behind the end"...), day)
	r := run1(t, configOf(s, "*"), to)
	for _, key := range []string{"a.ndjson.gz", "b.ndjson.gz"} {
		eventually(t, func() bool { return strings.HasPrefix(to.position(key), "failed ") }, "%+v", r.Snapshot())
	}
	require.NoError(t, r.stop())
	require.EqualValues(t, 2, r.Snapshot().Counts.Failed)
	stored := to.stored()
	require.Equal(t, 1, stored["b-000002"])
	require.Greater(t, len(stored), 2000)
	for i := range len(stored) - 3 {
		require.Equal(t, 1, stored[fmt.Sprintf("a-%06d", i)])
	}
	require.Len(t, to.rejects, 2)
	require.Equal(t, "s3://events/a.ndjson.gz", to.rejects[0].Place)
	require.Equal(t, "it cannot be read: it is compressed and cut off", string(to.rejects[0].Raw))
}

// TestOnceIsWhenAllIsRead has a file changed behind each listing for a while, and then forbidden: what is to be read once, or was asked for,
// is so when it is read.
func TestOnceIsWhenAllIsRead(t *testing.T) {
	t.Parallel()
	for _, schedule := range []Schedule{Once, OnDemand} {
		s, to := start(t), newStore()
		s.Put("a.ndjson", linesOf("a", 3), day)
		var mu sync.Mutex
		requests := 0
		s.Fail(func(q *fakes3.Request) *fakes3.Fault {
			mu.Lock()
			defer mu.Unlock()
			if q.Op != "get" {
				return nil
			}
			switch requests++; {
			case requests <= 2*changesMax:
				s.Put("a.ndjson", append(linesOf("a", 3), strings.Repeat(" ", requests)...), day)
			case requests <= 2*changesMax+2:
				return &fakes3.Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
			}
			return nil
		})
		config := configOf(s, "*")
		config.Schedule = schedule
		r := run1(t, config, to)
		r.asked <- struct{}{}
		eventually(t, func() bool { return len(to.stored()) == 3 }, "%+v", r.Snapshot())
		require.NoError(t, r.stop())
		mu.Lock()
		require.Greater(t, requests, 2*changesMax+2)
		mu.Unlock()
	}
}
