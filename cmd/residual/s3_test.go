//go:build s3

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/memory"
)

// A real S3 server, which `make s3` installs: versitygw.
var (
	gatewayFlag   = flag.String("s3.gateway", "../../.bin/versitygw", "the S3 server")
	s3BytesFlag   = flag.Int64("s3.bytes", 4<<30, "how much TestS3Load loads; a quarter of it is one object")
	s3KillsFlag   = flag.Int("s3.kills", 30, "how often TestS3Kill kills the server at least, and half as often the S3 server")
	s3SeedFlag    = flag.Uint64("s3.seed", 1, "seed of TestS3Kill")
	s3MemoryBytes = int64(64 << 20) // what a load from S3 may take beyond one by HTTP
)

// gateway is an S3 server over a folder. It is started again on the same port.
type gateway struct {
	root, address string
	cmd           *exec.Cmd
}

func startGateway(t *testing.T) *gateway {
	t.Helper()
	_, err := os.Stat(*gatewayFlag)
	require.NoError(t, err, "make s3 installs versitygw")
	g := &gateway{root: filepath.Join(t.TempDir(), "s3"), address: freeAddress(t)}
	require.NoError(t, os.Mkdir(g.root, 0o700))
	g.start(t)
	t.Cleanup(g.kill)
	require.NoError(t, g.client(t).MakeBucket(t.Context(), "events", minio.MakeBucketOptions{Region: "eu-test-1"}))
	return g
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}

func (g *gateway) start(t *testing.T) {
	t.Helper()
	program, err := filepath.Abs(*gatewayFlag)
	require.NoError(t, err)
	g.cmd = exec.Command(program, "--access", "key", "--secret", "s3cr3t", "--region", "eu-test-1", "--port", g.address, "--quiet", "posix", g.root)
	require.NoError(t, g.cmd.Start())
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", g.address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, time.Minute, 5*time.Millisecond)
}

func (g *gateway) kill() {
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait() // it was killed
}

func (g *gateway) client(t *testing.T) *minio.Client {
	t.Helper()
	c, err := minio.New(g.address, &minio.Options{Creds: credentials.NewStaticV4("key", "s3cr3t", ""), Region: "eu-test-1"})
	require.NoError(t, err)
	return c
}

func (g *gateway) put(t *testing.T, key string, data io.Reader, size int64) {
	t.Helper()
	_, err := g.client(t).PutObject(t.Context(), "events", key, data, size, minio.PutObjectOptions{PartSize: 64 << 20, DisableContentSha256: true})
	require.NoError(t, err)
}

// project writes a project that reads the objects in in/ whose names end in some ways, of a format each.
func (g *gateway) project(t *testing.T, endings ...string) string {
	t.Helper()
	dir := t.TempDir()
	var schema strings.Builder
	for _, column := range []string{
		"timestamp` DateTime64(3)", "model_id` String", "prediction_id` String", "features` String", "predicted_value` Float64",
		"actual_value` Nullable(Float64)", "model_version` String", "environment` String",
	} {
		name, kind, _ := strings.Cut(column, "` ")
		fmt.Fprintf(&schema, "    `%s` %s `json:$.%s`,\n", name, kind, name)
	}
	files := map[string]string{
		"bucket.connection": "TYPE s3\nS3_REGION eu-test-1\nS3_ENDPOINT http://" + g.address + "\nS3_ACCESS_KEY key\nS3_SECRET s3cr3t\n",
	}
	for i, ending := range endings {
		files[fmt.Sprintf("from_s3_%d.datasource", i)] = "SCHEMA >\n" + strings.TrimSuffix(schema.String(), ",\n") + "\n\n" +
			"IMPORT_CONNECTION_NAME bucket\nIMPORT_BUCKET_URI s3://events/in/**" + ending + "\nIMPORT_SCHEDULE @auto\n"
	}
	writeFiles(t, dir, files)
	return dir
}

// s3Models returns the count and the mean absolute error of each model of a server.
func s3Models(t *testing.T, address string) (counts map[string]int, maes map[string]float64) {
	t.Helper()
	var answer struct {
		Data []struct {
			Model string  `json:"model_id"`
			Count int     `json:"prediction_count"`
			MAE   float64 `json:"mae"`
		} `json:"data"`
	}
	text := get(t, address+"/v0/pipes/model_performance_metrics.json?model_id=*&environment=*&model_version=*&time_window=8760")
	require.NoError(t, json.Unmarshal([]byte(text), &answer))
	counts, maes = map[string]int{}, map[string]float64{}
	for _, row := range answer.Data {
		counts[row.Model] += row.Count
		maes[row.Model] = row.MAE
	}
	return counts, maes
}

// TestS3Load loads the same events by HTTP and from S3: from there the server takes little more memory.
func TestS3Load(t *testing.T) {
	g, binary, dir := startGateway(t), build(t), t.TempDir()
	var names []string
	rows := 0
	sizes := []int64{*s3BytesFlag / 4}
	for range 6 {
		sizes = append(sizes, *s3BytesFlag/8)
	}
	for i, size := range sizes {
		n := int(size / 265)
		name := filepath.Join(dir, fmt.Sprintf("%d.ndjson", i))
		generate := exec.CommandContext(t.Context(), binary, "generate", "--rows", fmt.Sprint(n), "--seed", fmt.Sprint(i+1), "--output", name)
		out, err := generate.CombinedOutput()
		require.NoError(t, err, string(out))
		names, rows = append(names, name), rows+n
	}
	bytes := int64(0)
	for i, name := range names {
		file, err := os.Open(name)
		require.NoError(t, err)
		info, err := file.Stat()
		require.NoError(t, err)
		bytes += info.Size()
		g.put(t, fmt.Sprintf("in/%d.ndjson", i), file, info.Size())
		require.NoError(t, file.Close())
	}
	t.Logf("%d objects, %d MB, %d rows", len(names), bytes>>20, rows)

	byHTTP := startProcess(t, binary, filepath.Join(dir, "http"), "--log-level", "error")
	began := time.Now()
	out, err := exec.CommandContext(t.Context(), binary, append([]string{"ingest", "--server", byHTTP.address, "--progress", "never"}, names...)...).CombinedOutput()
	require.NoError(t, err, string(out))
	httpTook := time.Since(began)
	_, httpPeak, err := memory.Process(byHTTP.cmd.Process.Pid)
	require.NoError(t, err)
	want, _ := s3Models(t, byHTTP.address)
	t.Logf("HTTP: %s, peak of %d MiB", httpTook, httpPeak>>20)
	require.NoError(t, byHTTP.cmd.Process.Kill())
	byHTTP.exit(t)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "http")))

	began = time.Now()
	fromS3 := startProcess(t, binary, filepath.Join(dir, "s3"), "--log-level", "error", "--project", g.project(t, ".ndjson"))
	var got map[string]int
	require.Eventually(t, func() bool {
		got, _ = s3Models(t, fromS3.address)
		return sum(got) >= sum(want)
	}, time.Hour, 20*time.Millisecond)
	s3Took := time.Since(began)
	_, s3Peak, err := memory.Process(fromS3.cmd.Process.Pid)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoError(t, fromS3.cmd.Process.Kill())
	fromS3.exit(t)
	rate := func(took time.Duration) float64 { return float64(rows) / took.Seconds() }
	t.Logf("HTTP: %.0f rows/s, peak of %d MiB; S3: %.0f rows/s, %.2f of it, peak of %d MiB", rate(httpTook), httpPeak>>20, rate(s3Took),
		rate(s3Took)/rate(httpTook), s3Peak>>20)
	require.LessOrEqual(t, s3Peak, httpPeak+s3MemoryBytes)
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// TestS3Kill kills the server that reads a bucket, and the S3 server, at random moments, until all is read: each row is there once, in a
// store that keeps what is stored twice. Errors are 1, 2, 3 and so on, so that their mean tells.
func TestS3Kill(t *testing.T) {
	t.Logf("replay with -s3.seed=%d -s3.kills=%d", *s3SeedFlag, *s3KillsFlag)
	random := rand.New(rand.NewPCG(*s3SeedFlag, 0))
	g, binary := startGateway(t), build(t)
	want := map[string]int{}
	for i := range 8 {
		model, n := fmt.Sprintf("object-%d", i), 100_000+random.IntN(100_000)
		want[model] = n
		var text []byte
		if csv := i%4 == 3; csv {
			text = append(text, "timestamp,model_id,prediction_id,features,predicted_value,actual_value,model_version,environment\n"...)
		}
		now := time.Now().UTC().Format("2006-01-02 15:04:05.000")
		for k := range n {
			if i%4 == 3 {
				text = fmt.Appendf(text, "%s,%s,%d,{},%d,0,v1,production\n", now, model, k, k+1)
				continue
			}
			text = fmt.Appendf(text, `{"timestamp":%q,"model_id":%q,"prediction_id":"%d","features":{},"predicted_value":%d,"actual_value":0,`+
				`"model_version":"v1","environment":"production"}`+"\n", now, model, k, k+1)
		}
		key := fmt.Sprintf("in/%d.ndjson", i)
		switch i % 4 {
		case 1:
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			_, err := w.Write(text)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			text, key = b.Bytes(), key+".gz"
		case 3:
			key = fmt.Sprintf("in/%d.csv", i)
		}
		g.put(t, key, bytes.NewReader(text), int64(len(text)))
	}
	project, data := g.project(t, ".ndjson", ".ndjson.gz", ".csv"), filepath.Join(t.TempDir(), "data")
	kills, gatewayKills := 0, 0
	var got map[string]int
	var maes map[string]float64
	for done := false; !done; kills++ {
		p := startProcess(t, binary, data, "--duplicates", "keep", "--checkpoint-bytes", "4MiB", "--log-level", "error", "--project", project, "--poll", "100ms")
		life := time.Duration(50+random.IntN(250)) * time.Millisecond
		if kills >= *s3KillsFlag {
			life = 10 * time.Minute
		} else if random.IntN(2) == 0 {
			gatewayKills++
			time.Sleep(life / 2)
			g.kill()
			g.start(t)
		}
		for end := time.Now().Add(life); !done && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			got, maes = s3Models(t, p.address)
			done = sum(got) >= sum(want) && kills >= *s3KillsFlag
		}
		require.NoError(t, p.cmd.Process.Kill())
		p.exit(t)
	}
	require.Equal(t, want, got)
	for model, n := range want {
		require.InDelta(t, float64(n+1)/2, maes[model], 1e-9, model)
	}
	t.Logf("%d kills of the server, %d of the S3 server, %d rows, 0 lost, 0 twice", kills-1, gatewayKills, sum(want))
}

// TestS3Settings gives wrong settings to a real server: each is a clear error with what to do, and HTTP goes on.
func TestS3Settings(t *testing.T) {
	g, binary := startGateway(t), build(t)
	g.put(t, "in/a.ndjson", strings.NewReader(""), 0)
	f := func(want, from, to string) {
		t.Helper()
		project := g.project(t, ".ndjson")
		for _, name := range []string{"bucket.connection", "from_s3_0.datasource"} {
			path := filepath.Join(project, name)
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600))
		}
		p := startProcess(t, binary, filepath.Join(t.TempDir(), "data"), "--log-level", "error", "--project", project)
		defer func() {
			require.NoError(t, p.cmd.Process.Kill())
			p.exit(t)
		}()
		text := ""
		for end := time.Now().Add(15 * time.Second); !strings.Contains(text, want); time.Sleep(50 * time.Millisecond) {
			require.True(t, time.Now().Before(end), "%s is not in %s", want, text)
			text = get(t, p.address+"/v0/pipes/connectors.json")
		}
		require.NotContains(t, text, "s3cr3t")
	}
	f("running", "", "")
	f("check S3_SECRET", "S3_SECRET s3cr3t", "S3_SECRET other")
	f("check S3_ACCESS_KEY", "S3_ACCESS_KEY key", "S3_ACCESS_KEY other")
	f("there is no bucket others", "s3://events/", "s3://others/")
	f("S3_REGION", "S3_REGION eu-test-1", "S3_REGION us-west-2")
	f("the server speaks no TLS", "http://", "https://")
}
