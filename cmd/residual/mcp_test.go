package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
)

// bearer sends a token with each request.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	r.Close = true
	return http.DefaultTransport.RoundTrip(r)
}

// TestAgentOfAServer asks a server at /mcp, with tokens that may see all, the models of a team, and nothing.
func TestAgentOfAServer(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(t.TempDir(), "own.pipe")
	require.NoError(t, os.WriteFile(pipe, []byte("DESCRIPTION >\n    Ours.\n\nNODE n\nSQL >\n    SELECT model_id, count() AS n FROM ml_model_predictions GROUP BY model_id\n\nTYPE endpoint\n"), 0o600))
	tokens := map[string]string{}
	for name, more := range map[string][]string{
		"all": {"--scope", "ADMIN"}, "team": {"--scope", "PIPES:READ:models", "--scope", "PIPES:READ:model_performance_metrics", "--models", "a_*"}, "writer": {"--scope", "DATASOURCES:APPEND:ml_model_predictions"},
	} {
		r := run(t, append([]string{"token", "create", name, "--data-dir", dir}, more...)...)
		require.Equal(t, exitOK, r.code, r.err)
		tokens[name] = strings.TrimSpace(r.out)
	}
	s, _ := serveProject(t, filepath.Dir(pipe), "--data-dir", dir)
	var lines strings.Builder
	for _, model := range []string{"a_1", "b_1"} {
		lines.WriteString(`{"timestamp":"` + time.Now().UTC().Format(time.DateTime) + `","model_id":"` + model + `","prediction_id":"1","features":"{}","predicted_value":3,"actual_value":1,"model_version":"v1","environment":"production"}` + "\n")
	}
	r := runWith(t, map[string]string{"RESIDUAL_TOKEN": tokens["all"]}, lines.String(), "ingest", "--server", s.URL(), "-")
	require.Equal(t, exitOK, r.code, r.err)

	ask := func(token string) (*mcp.ClientSession, error) {
		transport := &mcp.StreamableClientTransport{Endpoint: s.URL() + "/mcp", HTTPClient: &http.Client{Transport: bearer(token)}, DisableStandaloneSSE: true, MaxRetries: -1}
		return mcp.NewClient(&mcp.Implementation{Name: "test"}, nil).Connect(t.Context(), transport, nil)
	}
	call := func(session *mcp.ClientSession, tool string, arguments map[string]any) string {
		t.Helper()
		r, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
		require.NoError(t, err)
		require.Len(t, r.Content, 1)
		return r.Content[0].(*mcp.TextContent).Text
	}
	tools := func(session *mcp.ClientSession) (names []string) {
		t.Helper()
		list, err := session.ListTools(t.Context(), nil)
		require.NoError(t, err)
		for _, tool := range list.Tools {
			names = append(names, tool.Name)
		}
		return names
	}

	all, err := ask(tokens["all"])
	require.NoError(t, err)
	require.Subset(t, tools(all), []string{"list_models", "sql", "models", "own", "model_drift_report", "predictions"})
	require.Contains(t, call(all, "list_models", nil), `["b_1","v1","production",`)
	require.Contains(t, call(all, "own", nil), `["b_1",1]`)
	require.Contains(t, call(all, "sql", map[string]any{"q": "SELECT count() FROM ml_model_predictions"}), `"rows":[[2]]`)
	require.Contains(t, call(all, "sql", map[string]any{"q": "SELECT nothing"}), "nothing")
	require.NoError(t, all.Close())

	team, err := ask(tokens["team"])
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"list_models", "sql", "models", "model_performance_metrics"}, tools(team))
	require.Contains(t, call(team, "model_performance_metrics", map[string]any{"model_id": "*"}), `[["a_1","v1","production",1,2,2,`)
	require.NotContains(t, call(team, "list_models", nil), "b_1")
	require.NoError(t, team.Close())

	writer, err := ask(tokens["writer"])
	require.NoError(t, err)
	require.NotContains(t, tools(writer), "list_models")
	require.NotContains(t, tools(writer), "models")
	require.NoError(t, writer.Close())

	_, err = ask("wrong")
	require.Error(t, err)
	status, text := request(t, http.MethodPost, s.URL()+"/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	require.Equal(t, http.StatusForbidden, status, text)
	require.Contains(t, get(t, s.URL()+"/llms.txt"), "/docs/http.md")
}
