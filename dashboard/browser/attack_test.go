package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hostile are names that would like to be something else than text.
var hostile = []string{
	`<img src=x onerror="window.pwned=1">`, `"><script>window.pwned=1</script>`, `javascript:window.pwned=1`, `'; window.pwned=1; //`, `{{constructor.constructor('window.pwned=1')()}}`,
	"\u202egnp.live\u2066", "zero\u200bwidth\ufeff", strings.Repeat("W", 256), strings.Repeat("\u00ad", 20) + "soft", "a,b", "*", "latest", "..", "%2e%2e%2f", "&lt;b&gt;&amp;", "a+b c?d=e#f", strings.Repeat("語", 85),
	"constructor", "__proto__", "toString",
}

// TestAttack: names, versions, environments, features and rejected lines of any kind are text, and break no layout.
func TestAttack(t *testing.T) {
	address, browser := serve(t, "serve", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0"), start(t)
	var body bytes.Buffer
	now := time.Now().UTC()
	for i, name := range hostile {
		for n := range 40 {
			line, err := json.Marshal(map[string]any{
				"timestamp": now.Add(-time.Duration(n*10) * time.Minute).Format(time.RFC3339), "model_id": name, "prediction_id": fmt.Sprint(name[:1], i, "-", n), "model_version": hostile[(i+n%2)%len(hostile)],
				"environment": []string{"production", hostile[(i+3)%len(hostile)]}[n%2], "predicted_value": n, "actual_value": n * n,
				"features": map[string]any{name: name, "nested": map[string]any{name: []string{name}}},
			})
			require.NoError(t, err)
			body.Write(append(line, '\n'))
		}
		fmt.Fprintf(&body, "{\"timestamp\":%q,\"model_id\":%q}\n", name, name)
		fmt.Fprintf(&body, "%s\x01\x1b[31m\n", name)
	}
	response, err := http.Post(address+"/v0/events?name=ml_model_predictions&wait=true", "", &body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.NoError(t, response.Body.Close())

	paths := []string{
		"/?env=*", "/?env=*&q=" + url.QueryEscape(hostile[0]), "/?env=" + url.QueryEscape(hostile[1]), "/quarantine", "/quarantine?code=" + url.QueryEscape(hostile[0]), "/ask?pipe=models", "/ask?pipe=predictions&model_id=*&limit=50",
		"/ask?pipe=" + url.QueryEscape(hostile[0]), "/?as_of=" + url.QueryEscape(hostile[0]) + "&tz=" + url.QueryEscape(hostile[1]) + "&sort=" + url.QueryEscape(hostile[2]), "/model?id=" + url.QueryEscape("unknown"+hostile[0]),
	}
	for _, name := range hostile {
		paths = append(paths, "/model?id="+url.QueryEscape(name)+"&env="+url.QueryEscape(name))
	}
	p := open(t, browser, address, "/?env=*", 1440, 1000, "light")
	p.expect("the server responded with a status of 400") // what is asked for by an address may be wrong
	p.expect("the server responded with a status of 404")
	p.do(`window.opened = []; window.alert = window.confirm = window.prompt = () => { window.pwned = 1; }`)
	for i, path := range paths {
		p.do(fmt.Sprintf("history.pushState(null, '', %s); dispatchEvent(new PopStateEvent('popstate'))", quote(t, path)))
		p.settled()
		for _, width := range []int64{320, 1440} {
			p.resize(width, 1000)
			p.fits()
		}
		require.Equal(t, "", eval[string](p, `window.pwned ? "it ran" : [...document.querySelectorAll("main script, main img, main iframe, main object, [onerror], a[href^='javascript']")].map((e) => e.outerHTML).join()`), path)
		require.False(t, eval[bool](p, `/[\u202a-\u202e\u2066-\u2069\u200b\ufeff\u0001\u001b]/.test(document.body.innerText)`), path)
		if i < 8 {
			p.picture(fmt.Sprintf("attack-%d", i))
		}
	}
}

func quote(t *testing.T, text string) string {
	t.Helper()
	quoted, err := json.Marshal(text)
	require.NoError(t, err)
	return string(quoted)
}
