package httpapi_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
)

// The files as they are written, but for the hashes. Every later version must read them.
const (
	plainTokens = `{
  "tokens": [
    {
      "name": "ops",
      "sha256": "<sha256>",
      "scopes": [
        "ADMIN"
      ],
      "created": "2025-04-27T12:00:00Z"
    }
  ]
}
`
	boundedTokens = `{
  "version": 2,
  "tokens": [
    {
      "name": "ops",
      "sha256": "<sha256>",
      "scopes": [
        "ADMIN"
      ],
      "created": "2025-04-27T12:00:00Z"
    },
    {
      "name": "team",
      "sha256": "<sha256>",
      "scopes": [
        "PIPES:READ:models"
      ],
      "models": [
        "team_a_*",
        "solo"
      ],
      "created": "2025-04-27T12:00:00Z"
    }
  ]
}
`
)

// tokensFile reads the file of a directory, without the hashes.
func tokensFile(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "tokens.json"))
	require.NoError(t, err)
	return regexp.MustCompile(`"[0-9a-f]{64}"`).ReplaceAllString(string(data), `"<sha256>"`)
}

// TestTokensFileGolden holds the bytes of the file: it has a version only where a program that does not know the models of a
// token must not read it.
func TestTokensFileGolden(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, "ops", "ADMIN")
	require.Equal(t, plainTokens, tokensFile(t, dir)) //nolint:testifylint // It is the bytes that are held.
	_, err := httpapi.CreateToken(httpapi.TokensIn(dir), httpapi.Token{Name: "team", Scopes: []string{"PIPES:READ:models"}, Models: []string{"team_a_*", "solo"}, Created: now})
	require.NoError(t, err)
	require.Equal(t, boundedTokens, tokensFile(t, dir)) //nolint:testifylint // It is the bytes that are held.

	// A program from before tokens had models reads one of the two.
	var before struct {
		Tokens []struct {
			Name    string    `json:"name"`
			SHA256  string    `json:"sha256"`
			Scopes  []string  `json:"scopes"`
			Created time.Time `json:"created"`
		} `json:"tokens"`
	}
	for text, fault := range map[string]string{plainTokens: "", boundedTokens: `unknown field "version"`} {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&before); fault != "" {
			require.ErrorContains(t, err, fault)
		} else {
			require.NoError(t, err)
		}
		hash := strings.Repeat("0f", 32)
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "tokens.json"), []byte(strings.ReplaceAll(text, "<sha256>", hash)), 0o600))
		tokens, err := httpapi.TokensIn(dir).List()
		require.NoError(t, err)
		require.Equal(t, []string{"ADMIN"}, tokens[0].Scopes)
		_, err = httpapi.TokensIn(dir).Load()
		require.NoError(t, err)
	}
	require.NoError(t, httpapi.TokensIn(dir).Revoke("team"))
	require.Equal(t, plainTokens, tokensFile(t, dir)) //nolint:testifylint // It is the bytes that are held.
}

// TestTokensFileRefused reads files that would have a token count for more, or for something else, than was meant.
func TestTokensFileRefused(t *testing.T) {
	file := strings.ReplaceAll(boundedTokens, "<sha256>", strings.Repeat("0f", 32))
	for change, fault := range map[[2]string]string{
		{`"version": 2`, `"version": 3`}:                     "has version 3; this program reads up to 2",
		{`"version": 2`, `"version": -1`}:                    "has version -1",
		{"\n  \"version\": 2,", ""}:                          "has tokens with models, and not version 2",
		{`"version": 2`, `"version": 1`}:                     "has tokens with models, and not version 2",
		{`"PIPES:READ:models"`, `"ADMIN"`}:                   "cannot be bounded to models",
		{`"team_a_*"`, `"*"`}:                                "'*' are all there are",
		{`"team_a_*"`, `""`}:                                 "have no name",
		{`"team_a_*"`, `"a,b"`}:                              "have a comma",
		{`"team_a_*"`, `"team_*_a"`}:                         "have a star before their end",
		{`"team_a_*"`, `"team**"`}:                           "have a star before their end",
		{`"team_a_*"`, `" team"`}:                            "begin or end with white space",
		{`"team_a_*"`, `"a\u0007"`}:                          "are no name of a model",
		{`"team_a_*"`, `"` + strings.Repeat("a", 257) + `"`}: "are no name of a model",
		{`"models"`, `"bounds"`}:                             "unknown field",
	} {
		dir := t.TempDir()
		changed := strings.Replace(file, change[0], change[1], 1)
		require.NotEqual(t, file, changed)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "tokens.json"), []byte(changed), 0o600))
		_, err := httpapi.TokensIn(dir).Load()
		require.ErrorContains(t, err, fault)
	}
}

// TestBoundsAreChecked creates tokens with models that cannot be meant so.
func TestBoundsAreChecked(t *testing.T) {
	dir := t.TempDir()
	for _, models := range [][]string{{"*"}, {"a", ""}, {"a,b"}, {"*a"}, {"a "}, {"a\n"}, {"a\xff"}, {strings.Repeat("a", 257) + "*"}} {
		_, err := httpapi.CreateToken(httpapi.TokensIn(dir), httpapi.Token{Name: "x", Scopes: []string{"PIPES:READ:models"}, Models: models})
		require.ErrorIs(t, err, httpapi.ErrToken, models)
		require.ErrorContains(t, err, "the models", models)
	}
	_, err := httpapi.CreateToken(httpapi.TokensIn(dir), httpapi.Token{Name: "x", Scopes: []string{"PIPES:READ:models", "ADMIN"}, Models: []string{"a"}})
	require.ErrorContains(t, err, "the scope ADMIN is over everything")
	require.NoFileExists(t, filepath.Join(dir, "tokens.json"))
}

// TestScopesOfWhatDoesNotExist keeps a token with one, says so, and gives no right by it.
func TestScopesOfWhatDoesNotExist(t *testing.T) {
	dir := t.TempDir()
	token := create(t, dir, "later", "PIPES:READ:models")
	file := filepath.Join(dir, "tokens.json")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	changed := strings.Replace(string(data), `"PIPES:READ:models"`, `"PIPES:READ:models", "PIPES:READ:nope"`, 1)
	require.NoError(t, os.WriteFile(file, []byte(changed), 0o600))
	tokens, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	warnings := tokens.Warnings(httpapi.Scopes())
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "the token later: the scope 'PIPES:READ:nope' is of something that does not exist; PIPES:READ:<name> is for model_performance_metrics, ")
	server := start(t, httpapi.Options{Tokens: tokens})
	for pipe, status := range map[string]int{"models": http.StatusOK, "nope": http.StatusNotFound, "quarantine": http.StatusForbidden} {
		resp, _ := server.do(t, "GET", "/v0/pipes/"+pipe+".json", nil, "Authorization", "Bearer "+token)
		require.Equal(t, status, resp.StatusCode, pipe)
	}
}

const adminSecret = "a-secret-that-is-mounted"

// TestAdminFile follows the file with the admin's token.
func TestAdminFile(t *testing.T) {
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "token")
	put := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	put(adminSecret + "\n")
	tokens, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	require.False(t, tokens.Defined())
	require.NoError(t, tokens.AddAdmin(path))
	require.True(t, tokens.Defined())
	require.Empty(t, tokens.Warnings(httpapi.Scopes()))
	c := &clock{}
	server := start(t, httpapi.Options{Tokens: tokens, Now: c.now})
	status := func(token string) int {
		resp, _ := server.do(t, "GET", "/metrics", nil, "Authorization", "Bearer "+token)
		return resp.StatusCode
	}
	require.Equal(t, http.StatusOK, status(adminSecret))
	require.Equal(t, http.StatusForbidden, status(adminSecret+"x"))
	require.Equal(t, http.StatusForbidden, status(""))

	// It counts beside the tokens of the directory, and no change of one file waits for the other.
	reader := create(t, dir, "reader", "PIPES:READ:model_performance_metrics")
	c.tick()
	require.Equal(t, http.StatusOK, status(reader))
	const second = "another-secret-that-is-mounted"
	put(second + "\r\n")
	c.tick()
	require.Equal(t, http.StatusForbidden, status(adminSecret))
	require.Equal(t, http.StatusOK, status(second))
	require.NoError(t, os.Remove(path))
	require.NoError(t, httpapi.TokensIn(dir).Revoke("reader"))
	c.tick()
	require.Equal(t, http.StatusForbidden, status(reader), "revoked while the file is gone")
	require.Equal(t, http.StatusOK, status(second), "what cannot be read stays as it was")
	require.Contains(t, server.logs.String(), "the admin token file: no such file or directory")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokens.json"), []byte("{"), 0o600))
	put(adminSecret)
	c.tick()
	require.Equal(t, http.StatusForbidden, status(second), "changed while the tokens are broken")
	require.Equal(t, http.StatusOK, status(adminSecret))

	require.NoError(t, os.Chmod(path, 0o644)) //nolint:gosec // It is what is looked for.
	require.Error(t, tokens.Reload())
	require.Equal(t, []string{"every user of this machine may read the admin token file; chmod o-r closes it"}, tokens.Warnings(httpapi.Scopes()))
	require.Contains(t, server.logs.String(), `token="admin token file"`)
	for _, secret := range []string{adminSecret, second} {
		require.NotContains(t, server.logs.String(), secret)
	}
	data, err := os.ReadFile(filepath.Join(dir, "tokens.json"))
	require.NoError(t, err)
	require.Equal(t, "{", string(data), "nothing of it is stored")
}

// TestAdminFileRefused names what is wrong with the file, and neither what it holds nor its name, which may be the token where
// somebody has mistaken the one for the other.
func TestAdminFileRefused(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	f := func(path, fault string) {
		t.Helper()
		tokens, err := httpapi.TokensIn(dir).Load()
		require.NoError(t, err)
		err = tokens.AddAdmin(path)
		require.ErrorIs(t, err, httpapi.ErrToken)
		require.ErrorContains(t, err, "token: the admin token file: "+fault)
		require.NotContains(t, err.Error(), "mounted")
		require.NotContains(t, err.Error(), dir)
		require.False(t, tokens.Defined())
	}
	f(filepath.Join(dir, adminSecret), "no such file or directory")
	f(adminSecret, "no such file or directory")
	f(filepath.Join(dir, "folder"), "it is no regular file")
	f("/dev/null", "it is no regular file")
	for text, fault := range map[string]string{
		"":                           "it is empty",
		"\n":                         "it is empty",
		"mounted-15-byte":            "the token is too short; 16 characters are the least",
		"mounted-15-byte\n":          "the token is too short",
		adminSecret + "\n\n":         "it must hold the token alone",
		adminSecret + " ":            "it must hold the token alone",
		"Bearer " + adminSecret:      "it must hold the token alone",
		adminSecret + "é":            "it must hold the token alone",
		adminSecret + "\x00":         "it must hold the token alone",
		"\xEF\xBB\xBF" + adminSecret: "it must hold the token alone",
		strings.Repeat("a", 1025):    "the token is too long; 1024 characters are the most",
		strings.Repeat("a", 1<<20):   "the token is too long",
	} {
		path := filepath.Join(dir, "token")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		f(path, fault)
	}
	path := filepath.Join(dir, "token")
	for _, text := range []string{"mounted-16-bytes", strings.Repeat("a", 1024) + "\r\n"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		tokens, err := httpapi.TokensIn(dir).Load()
		require.NoError(t, err)
		require.NoError(t, tokens.AddAdmin(path))
	}
}
