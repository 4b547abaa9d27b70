package source_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/fakes3"
	"github.com/residualdb/residual/source"
	"github.com/residualdb/residual/source/internal/files"
)

var (
	filesKillsFlag = flag.Int("files.kills", 4, "how often TestFilesKilled kills at least")
	filesSeedFlag  = flag.Uint64("files.seed", 1, "seed of TestFilesKilled")
)

type plainSecret string

func (s plainSecret) Reveal() string { return string(s) }

// childOf is the variable that makes of a test binary the process that is killed: URL and bucket of a server, and a directory.
const childOf = "RESIDUAL_FILES_CHILD"

// TestFilesChild is what TestFilesKilled kills: a store, and a runner that reads a bucket into it. It says how many objects are done,
// again and again.
func TestFilesChild(t *testing.T) {
	args := strings.Fields(os.Getenv(childOf))
	if len(args) != 3 {
		t.Skip("it is run by TestFilesKilled")
	}
	db, err := engine.Open(args[2], engine.Options{Duplicates: engine.DuplicatesKeep, LogFileBytes: 4 << 20})
	require.NoError(t, err)
	runner := source.NewRunner(db, source.Options{RetryFirst: time.Millisecond, RetryMax: 10 * time.Millisecond})
	require.NoError(t, runner.Apply([]source.Config{{
		Name: "events", Mapping: mapping(),
		Files: &source.Files{
			S3:     &source.S3{Endpoint: args[0], Region: fakes3.Region, AccessKey: plainSecret(fakes3.AccessKey), SecretKey: plainSecret(fakes3.SecretKey)},
			Bucket: args[1], Pattern: "in/**", Poll: 50 * time.Millisecond, Limits: files.Limits{LoadBytes: 1},
		},
	}}))
	for {
		done := 0
		for _, value := range db.Positions("events") {
			if strings.HasPrefix(value, "done ") {
				done++
			}
		}
		fmt.Printf("%d done\n", done)
		time.Sleep(5 * time.Millisecond)
	}
}

// TestFilesKilled kills a process at random moments that reads a bucket which fails now and then, until all is read: each row is there
// once, in a store that keeps what is stored twice.
func TestFilesKilled(t *testing.T) {
	t.Parallel()
	t.Logf("replay with -files.seed=%d -files.kills=%d", *filesSeedFlag, *filesKillsFlag)
	random := rand.New(rand.NewPCG(*filesSeedFlag, 0))
	s := fakes3.Start(false)
	t.Cleanup(s.Close)
	want := map[string]bool{}
	objects := 0
	put := func(key string, rows int, packed bool) {
		objects++
		var text []byte
		for i := range rows {
			id := fmt.Sprintf("%s-%d", key, i)
			want[id] = true
			text = fmt.Appendf(text, `{"timestamp":"2026-11-01 10:00:00.000","model_id":"m%d","prediction_id":%q,"features":{"n":%d},`+
				`"predicted_value":1.5,"actual_value":%d,"model_version":"v1","environment":"prod"}`+"\n", i%3, id, i, i%7)
		}
		if packed {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			_, err := w.Write(text)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			text = b.Bytes()
		}
		s.Put("in/"+key, text, time.Date(2026, 11, 1, 0, 0, objects, 0, time.UTC))
	}
	scale := max(1, *filesKillsFlag/4)
	for i := range scale {
		put(fmt.Sprintf("big%d.ndjson", i), 40_000, false)
		put(fmt.Sprintf("packed%d.ndjson.gz", i), 40_000, true)
	}
	for i := range 20 * scale {
		put(fmt.Sprintf("small/%d.ndjson", i), random.IntN(20), false)
	}
	var mu sync.Mutex
	faults := rand.New(rand.NewPCG(*filesSeedFlag, 1))
	s.Fail(func(*fakes3.Request) *fakes3.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch faults.IntN(10) {
		case 0:
			return &fakes3.Fault{Status: http.StatusServiceUnavailable, Code: "SlowDown"}
		case 1:
			return &fakes3.Fault{CutAfter: 1 + faults.Int64N(4<<20)}
		}
		return nil
	})
	dir := t.TempDir()
	kills := 0
	for done := 0; done < objects; kills++ {
		require.Less(t, kills, 100*scale, "%d of %d objects are done", done, objects)
		after := time.Duration(random.Int64N(int64(300 * time.Millisecond)))
		if kills >= *filesKillsFlag {
			after = time.Minute
		}
		done = runFilesChild(t, fmt.Sprintf("%s %s %s", s.URL, s.Bucket, dir), objects, after)
	}
	db, err := engine.Open(dir, engine.Options{Duplicates: engine.DuplicatesKeep})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	seen := map[string]bool{}
	for batch, err := range db.Rows(t.Context(), engine.RowsQuery{Model: engine.All, Version: engine.All, Environment: engine.All, From: from, To: from.AddDate(0, 0, 1)}) {
		require.NoError(t, err)
		for i := range batch.Len() {
			id := string(batch.IDs.At(i))
			require.True(t, want[id], id)
			require.False(t, seen[id], "%s is there twice", id)
			seen[id] = true
		}
	}
	require.Len(t, seen, len(want))
	t.Logf("%d kills, %d rows, 0 lost, 0 twice", kills, len(seen))
}

// runFilesChild runs the child until all objects are done, or for some time after it has opened its store, and kills it. It returns how
// many were done.
func runFilesChild(t *testing.T, args string, objects int, after time.Duration) (done int) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), self, "-test.run", "^TestFilesChild$", "-test.v")
	child.Env = append(os.Environ(), childOf+"="+args)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	var timer *time.Timer
	lines := bufio.NewScanner(out)
	var said []string
	for lines.Scan() && done < objects {
		if _, err := fmt.Sscanf(lines.Text(), "%d done", &done); err != nil {
			said = append(said, lines.Text())
			continue
		}
		if timer == nil {
			timer = time.AfterFunc(after, func() { _ = child.Process.Kill() })
		}
	}
	require.NotNil(t, timer, "the child did not begin: %s", said)
	timer.Stop()
	_ = child.Process.Kill()
	_ = child.Wait() // it was killed
	return done
}
