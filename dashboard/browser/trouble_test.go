package browser

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os/exec"
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
