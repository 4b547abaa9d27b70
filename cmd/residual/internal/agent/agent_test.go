package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/cmd/residual/internal/client"
)

const documented = `{"paths":{
	"/v0/sql":{"get":{"summary":"SQL","parameters":[]}},"/v0/pipes/models.jsoncompact":{"get":{"summary":"Models.","parameters":[]}},
	"/v0/pipes/metrics.json":{"get":{"summary":"another format","parameters":[]}},
	"/v0/pipes/metrics.jsoncompact":{"get":{"summary":"How far off.","parameters":[{"$ref":"#/components/parameters/metrics.model_id"},
		{"name":"time_window","in":"query","description":"hours","schema":{"type":"integer","default":24}},
		{"name":"feature.<key>","in":"query","schema":{"type":"object"}},{"name":"of","required":true,"schema":{"type":"string"}}]}}},
	"components":{"parameters":{"metrics.model_id":{"name":"model_id","description":"which","schema":{"type":"string"}}}}}`

// session speaks with an agent over a pair of pipes; its server answers pipes with handle.
func session(t *testing.T, handle http.HandlerFunc) *mcp.ClientSession {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v0/pipes/openapi.json" {
			_, _ = io.WriteString(w, documented)
			return
		}
		handle(w, r)
	}))
	t.Cleanup(server.Close)
	c, err := client.New(client.Options{Server: server.URL, Token: "secret"})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	toAgent, fromClient := io.Pipe()
	toClient, fromAgent := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- New(c, "v1").Run(context.Background(), toAgent, fromAgent) }()
	s, err := mcp.NewClient(&mcp.Implementation{Name: "test"}, nil).Connect(t.Context(), &mcp.IOTransport{Reader: toClient, Writer: fromClient}, nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.NoError(t, <-ended)
	})
	return s
}

// textOf is what an answer says.
func textOf(t *testing.T, r *mcp.CallToolResult) string {
	t.Helper()
	require.Len(t, r.Content, 1)
	return r.Content[0].(*mcp.TextContent).Text
}

func TestToolsAreThePipes(t *testing.T) {
	s := session(t, http.NotFound)
	list, err := s.ListTools(t.Context(), nil)
	require.NoError(t, err)
	names := make([]string, 0, len(list.Tools))
	for _, tool := range list.Tools {
		names = append(names, tool.Name)
		require.True(t, tool.Annotations.ReadOnlyHint)
	}
	require.Equal(t, []string{"list_models", "sql", "metrics", "models"}, names)
	schema, err := json.Marshal(list.Tools[2].InputSchema)
	require.NoError(t, err)
	require.JSONEq(t, `{"type":"object","additionalProperties":false,"required":["of"],"properties":{"model_id":{"type":"string","description":"which"},
		"time_window":{"type":"integer","default":24,"description":"hours"},"feature.<key>":{"type":"object","description":""},"of":{"type":"string","description":""}}}`, string(schema))
}

func TestCalls(t *testing.T) {
	var asked string
	s := session(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.Header.Get("Authorization") + " " + r.URL.String()
		if strings.Contains(asked, "refused") {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"the parameter of is refused","documentation":"d"}`)
			return
		}
		if strings.Contains(asked, "FORMAT+CSV") {
			_, _ = io.WriteString(w, "1,2\n")
			return
		}
		_, _ = io.WriteString(w, `{"meta":[{"name":"a","type":"String"},{"name":"b"}],"data":[["x",1],["y",null]],"rows":2}`)
	})
	for name, test := range map[string]struct {
		tool      string
		arguments any
		asked     string
		text      string
		isError   bool
	}{
		"a pipe": {
			"metrics",
			map[string]any{"of": "a b", "time_window": 48, "model_id": []string{"m", "n"}, "feature.age>": 3},
			"Bearer secret /v0/pipes/metrics.jsoncompact?feature.age%3E=3&model_id=m%2Cn&of=a+b&time_window=48", `{"columns":["a","b"],"rows":[["x",1],["y",null]]}`, false,
		},
		"features as an object": {
			"metrics",
			map[string]any{"of": "x", "feature.<key>": map[string]any{"country": "DE"}},
			"Bearer secret /v0/pipes/metrics.jsoncompact?feature.country=DE&of=x", `{"columns":["a","b"],"rows":[["x",1],["y",null]]}`, false,
		},
		"what is missing":      {"metrics", map[string]any{}, "", `the parameter "of" is needed`, true},
		"what is not there":    {"metrics", map[string]any{"of": "x", "time_windw": 4}, "", `there is no parameter "time_windw"; there are feature.<key>, model_id, of, time_window`, true},
		"what is no parameter": {"metrics", map[string]any{"of": map[string]any{}}, "", `the parameter "of" must be a text, a number, true or false`, true},
		"members with commas":  {"metrics", map[string]any{"of": []string{"a,b", "c"}}, "", "one of them has a comma", true},
		"another format":       {"sql", map[string]any{"q": "SELECT 1 FORMAT CSV"}, "Bearer secret /v0/sql?format=JSONCompact&q=SELECT+1+FORMAT+CSV", "leave FORMAT out", true},
		"what is refused":      {"metrics", map[string]any{"of": "refused"}, "Bearer secret /v0/pipes/metrics.jsoncompact?of=refused", "the parameter of is refused", true},
		"sql":                  {"sql", map[string]any{"q": "SELECT 1"}, "Bearer secret /v0/sql?format=JSONCompact&q=SELECT+1", `{"columns":["a","b"],"rows":[["x",1],["y",null]]}`, false},
	} {
		asked = ""
		r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: test.tool, Arguments: test.arguments})
		require.NoError(t, err, name)
		require.Equal(t, test.isError, r.IsError, name)
		require.Contains(t, textOf(t, r), test.text, name)
		require.Equal(t, test.asked, asked, name)
	}
	_, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "list_models", Arguments: map[string]any{"environment": "*"}})
	require.NoError(t, err)
	require.Contains(t, asked, "/v0/pipes/models.jsoncompact?")
	require.Contains(t, asked, "order=attention")
	_, err = s.CallTool(t.Context(), &mcp.CallToolParams{Name: "openapi"})
	require.ErrorContains(t, err, `there is no tool "openapi"`)
}

// TestLongAnswers leaves out what a model should not have to read, and says so.
func TestLongAnswers(t *testing.T) {
	rows := 5000
	s := session(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"meta":[{"name":"a"}],"data":[`)
		for i := range rows {
			_, _ = fmt.Fprintf(w, `["row %06d with some more text",%q]%s`, i, strings.Repeat("é", 20), [...]string{",", ""}[i/(rows-1)])
		}
		_, _ = io.WriteString(w, `]}`)
	})
	r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "sql", Arguments: map[string]any{"q": "q"}})
	require.NoError(t, err)
	require.False(t, r.IsError)
	require.LessOrEqual(t, len(textOf(t, r)), AnswerBytesMax)
	require.Greater(t, len(textOf(t, r)), AnswerBytesMax/2)
	var got shown
	require.NoError(t, json.Unmarshal([]byte(textOf(t, r)), &got))
	require.Equal(t, rows, len(got.Rows)+got.LeftOut)
	require.NotEmpty(t, got.Note)

	rows = 200_000
	r, err = s.CallTool(t.Context(), &mcp.CallToolParams{Name: "sql", Arguments: map[string]any{"q": "q"}})
	require.NoError(t, err)
	require.True(t, r.IsError)
	require.Contains(t, textOf(t, r), "more than 8 MiB")
}

// TestCancelledCalls end the request to the server.
func TestCancelledCalls(t *testing.T) {
	came, left := make(chan struct{}), make(chan struct{})
	s := session(t, func(_ http.ResponseWriter, r *http.Request) {
		close(came)
		<-r.Context().Done()
		close(left)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-came
		cancel()
	}()
	_, err := s.CallTool(ctx, &mcp.CallToolParams{Name: "sql", Arguments: map[string]any{"q": "q"}})
	require.ErrorIs(t, err, context.Canceled)
	<-left
	_, err = s.ListTools(t.Context(), nil)
	require.NoError(t, err, "the session goes on")
}

func TestPromptAndTexts(t *testing.T) {
	s := session(t, http.NotFound)
	prompts, err := s.ListPrompts(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, prompts.Prompts, 1)
	p, err := s.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "attention", Arguments: map[string]string{"model_id": "team_*"}})
	require.NoError(t, err)
	require.Contains(t, p.Messages[0].Content.(*mcp.TextContent).Text, "team_*")
	page, err := s.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "residual://docs/http.md"})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(page.Contents[0].Text, "# The HTTP surface"))
}

func TestTextsAsPage(t *testing.T) {
	var texts Texts
	for path, has := range map[string]bool{
		"/llms.txt": true, "/docs/": true, "/docs/http.md": true, "/docs": false, "/docs/docs.go": false, "/docs/../docs/http.md": false, "/docs/adr": false, "/": false,
	} {
		require.Equal(t, has, texts.Has([]byte(path)), path)
	}
	require.Contains(t, list(), "- [The HTTP surface](/docs/http.md): ")
}

// TestToolsAreKept asks for the description of the pipes again only once it is another one, for each token by itself.
func TestToolsAreKept(t *testing.T) {
	version, whole := "1", 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tag := `W/"` + version + r.Header.Get("Authorization") + `"`
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		whole++
		w.Header().Set("ETag", tag)
		_, _ = fmt.Fprintf(w, `{"paths":{"/v0/pipes/of_%s.jsoncompact":{"get":{"summary":"A."}}}}`, version+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	}))
	t.Cleanup(server.Close)
	known := new(knownTools)
	toolsOf := func(token, name string, asked int) {
		t.Helper()
		c, err := client.New(client.Options{Server: server.URL, Token: token})
		require.NoError(t, err)
		defer c.Close()
		tools, err := newAgent(c, "v1", token, known).tools(t.Context())
		require.NoError(t, err)
		require.Len(t, tools, 1)
		require.Equal(t, name, tools[0].Name)
		require.Equal(t, asked, whole)
	}
	toolsOf("a", "of_1a", 1)
	toolsOf("a", "of_1a", 1)
	toolsOf("b", "of_1b", 2)
	toolsOf("a", "of_1a", 2)
	version = "2"
	toolsOf("a", "of_2a", 3)
	toolsOf("a", "of_2a", 3)
	for i := range knownMax {
		toolsOf(strconv.Itoa(i), "of_2"+strconv.Itoa(i), 4+i)
	}
	require.LessOrEqual(t, len(known.byToken), knownMax)
}
