package browser

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFirstVisit: an empty store says what to send, and the first row takes its place.
func TestFirstVisit(t *testing.T) {
	address, browser := serve(t, "serve", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0"), start(t)
	p := open(t, browser, address, "/", 1440, 1000, "light")
	p.wait(`document.querySelector("h1")?.innerText === "No model has sent a prediction yet"`)
	p.accessible()
	p.picture("first-light-1440")
	command := eval[string](p, `document.querySelector(".first pre").innerText`)
	require.Contains(t, command, address)
	body := command[strings.Index(command, "-d '")+4 : len(command)-1]
	response, err := http.Post(address+"/v0/events?name=ml_model_predictions&wait=true", "", strings.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	p.wait(`document.querySelector("tbody .name a")?.innerText === "my_model"`)
}

// TestToken: a server with tokens asks for one, which stands in no address, and is forgotten when it is wrong.
func TestToken(t *testing.T) {
	dir := t.TempDir()
	path, err := program()
	require.NoError(t, err)
	out, err := exec.Command(path, "token", "create", "eyes", "--scope", "PIPES:READ:models", "--data-dir", dir).Output()
	require.NoError(t, err)
	secret := strings.Fields(string(out))[len(strings.Fields(string(out)))-1]
	address, browser := serve(t, "serve", "--data-dir", dir, "--listen", "127.0.0.1:0"), start(t)
	p := open(t, browser, address, "/", 1440, 1000, "light")
	p.expect("the server responded with a status of 403")
	p.wait(`document.querySelector("#token")`)
	p.accessible()
	p.picture("token-light-1440")
	p.click("#token")
	p.press("wrong-token-of-sixteen")
	p.press("\r")
	p.wait(`document.body.innerText.includes("The server does not know this token.")`)
	p.click("#token")
	p.press(secret)
	p.press("\r")
	p.wait(`document.querySelector("h1")?.innerText.includes("No model has sent a prediction yet")`)
	require.Equal(t, "/", eval[string](p, "location.pathname + location.search"))
	require.NotContains(t, eval[string](p, `JSON.stringify({ ...localStorage }) + document.cookie + performance.getEntriesByType("resource").map((r) => r.name).join()`), secret)
	require.Equal(t, "Models,Ask", eval[string](p, `[...document.querySelectorAll("nav a")].map((a) => a.innerText).join()`), "only what the token may ask")
}

// TestOldAnswer: a server that does not answer is said, what it last said stays, and comes alive again.
func TestOldAnswer(t *testing.T) {
	target, err := url.Parse(fleet(t))
	require.NoError(t, err)
	var down atomic.Bool
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorLog = nil
	director := proxy.Director
	proxy.Director = func(r *http.Request) { director(r); r.Host = target.Host; r.Header.Del("Origin") }
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() && strings.HasPrefix(r.URL.Path, "/v0/") {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })

	p := open(t, start(t), "http://"+listener.Addr().String(), "/", 1440, 1000, "light")
	p.expect("net::ERR_")
	p.settled()
	rows := eval[int](p, `document.querySelectorAll("tbody .name a").length`)
	down.Store(true)
	p.wait(`document.querySelector(".banner")?.innerText.includes("No answer since") && document.querySelector(".live").innerText === "No answer"`)
	require.Equal(t, rows, eval[int](p, `document.querySelectorAll("tbody .name a").length`))
	p.accessible()
	p.picture("old-light-1440")
	down.Store(false)
	p.click(".banner button")
	p.wait(`!document.querySelector(".banner") && document.querySelector(".live").innerText === "Live"`)
}

// TestLost: a mistyped address says so and leads back.
func TestLost(t *testing.T) {
	address, browser := fleet(t), start(t)
	p := open(t, browser, address, "/modle?id=%3Cb%3E", 1440, 600, "light")
	p.expect("the server responded with a status of 404")
	p.wait(`document.querySelector("h1")?.innerText === "There is nothing at this address"`)
	p.wait(`document.querySelectorAll("nav a").length > 3`)
	p.accessible()
	p.picture("lost-light-1440")
	require.Equal(t, "Lost · Residual", eval[string](p, "document.title"))
	p.click(".refused a")
	p.wait(`document.querySelector("h1")?.innerText.includes("have drifted")`)
	require.Equal(t, "/", eval[string](p, "location.pathname"))
}

const datasource = "SCHEMA >\n    `timestamp` DateTime64(3) `json:$.ts`,\n    `model_id` String `json:$.model`,\n    `model_version` String `json:$.version`,\n" +
	"    `prediction_id` String `json:$.id`,\n    `predicted_value` Float64 `json:$.score`,\n    `environment` String DEFAULT 'production'\n\n"

// TestConnectors: those that fail come first, with why, and the details of each have what is known of it.
func TestConnectors(t *testing.T) {
	project, in := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"files.datasource": datasource + "IMPORT_BUCKET_URI file://" + in + "/*.ndjson\nIMPORT_SCHEDULE @auto\n",
		"topic.datasource": datasource + "KAFKA_CONNECTION_NAME k\nKAFKA_TOPIC predictions\nKAFKA_GROUP_ID g\n",
		"k.connection":     "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS 127.0.0.1:1\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(project, name), []byte(text), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(in, "a.ndjson"), []byte(`{"ts":"2026-11-01 20:00:00","model":"m","version":"v1","id":"1","score":1}`+"\nnonsense\n"), 0o600))
	address := serve(t, "serve", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0", "--project", project, "--poll", "100ms")
	p := open(t, start(t), address, "/connectors", 1440, 700, "light")
	p.wait(`document.querySelector("h1")?.innerText === "1 of 2 connectors failing: topic."`)
	p.wait(`[...document.querySelectorAll("tbody tr")].map((tr) => tr.cells[0].innerText).join() === "topic,files"`)
	p.wait(`document.querySelector("tbody tr + tr a")?.innerText === "1"`)
	require.Contains(t, p.text("tbody tr summary"), "check KAFKA_BOOTSTRAP_SERVERS")
	p.click("tbody tr summary")
	p.wait(`document.querySelector("tbody tr dl").innerText.includes("topic predictions")`)
	p.accessible()
	for _, width := range []int64{320, 390, 1440} {
		p.resize(width, 700)
		p.fits()
		p.picture(fmt.Sprintf("connectors-light-%d", width))
	}
	p.click("tbody tr + tr a")
	p.wait(`document.querySelector("h1")?.innerText.includes("1 line was rejected")`)
	p = open(t, start(t), address, "/status", 1440, 700, "light")
	p.wait(`document.querySelector("h1")?.innerText.startsWith("Events are taken, but not all is well: 1 of 2 connectors fail")`)
}
