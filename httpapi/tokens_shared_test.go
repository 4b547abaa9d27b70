package httpapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// sharedText is a text in memory. away is what reading and changing fails with.
type sharedText struct {
	mu      sync.Mutex
	text    string
	version uint64
	away    error
}

func (s *sharedText) Read() (string, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text, s.version, s.away
}

func (s *sharedText) Replace(version uint64, text string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away != nil || version != s.version {
		return false, s.away
	}
	s.text, s.version = text, version+1
	return true, nil
}

func (s *sharedText) set(away error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// TestSharedTokens has two servers over the same tokens: what one makes and revokes counts for the other once that reads them again.
func TestSharedTokens(t *testing.T) {
	text := &sharedText{}
	place := httpapi.TokensAt(text)
	secret, err := httpapi.CreateToken(place, httpapi.Token{Name: "admin", Scopes: []string{"ADMIN"}, Created: now})
	require.NoError(t, err)
	require.NotContains(t, text.text, secret)
	var servers [2]*running
	var tokens [2]*httpapi.Tokens
	for i := range servers {
		tokens[i], err = place.Load()
		require.NoError(t, err)
		require.True(t, tokens[i].Defined(), "nobody is let in before the tokens are read")
		servers[i] = start(t, httpapi.Options{Tokens: tokens[i]})
	}
	ask := func(server int, method, target, token string, want int) string {
		t.Helper()
		var header []string
		if token != "" {
			header = []string{"Authorization", "Bearer " + token}
		}
		resp, body := servers[server].do(t, method, target, nil, header...)
		require.Equal(t, want, resp.StatusCode, body)
		if want == http.StatusServiceUnavailable {
			require.NotEmpty(t, resp.Header.Get("Retry-After"))
		}
		return body
	}
	ask(0, "GET", "/v0/pipes", secret, http.StatusServiceUnavailable)
	ask(0, "GET", "/v0/pipes", "", http.StatusServiceUnavailable)
	for _, of := range tokens {
		require.NoError(t, of.Reload())
	}
	ask(0, "GET", "/v0/pipes", "", http.StatusForbidden)
	var made struct{ Token string }
	require.NoError(t, json.Unmarshal([]byte(ask(0, "POST", "/v0/tokens?name=app&scope=PIPES:READ:models", secret, http.StatusOK)), &made))
	ask(0, "GET", "/v0/pipes", made.Token, http.StatusOK)
	ask(1, "GET", "/v0/pipes", made.Token, http.StatusForbidden)
	require.NoError(t, tokens[1].Reload())
	ask(1, "GET", "/v0/pipes", made.Token, http.StatusOK)
	require.Contains(t, ask(1, "GET", "/v0/tokens", secret, http.StatusOK), `"name":"app"`)

	// While what is shared is away the known ones count, and none is made or revoked.
	text.set(&engine.AwayError{Class: engine.ErrUnavailable, Text: "shard 1 is away", Err: errors.New("refused")})
	require.Error(t, tokens[1].Reload())
	ask(1, "GET", "/v0/pipes", made.Token, http.StatusOK)
	require.Contains(t, ask(1, "POST", "/v0/tokens?name=more&scope=ADMIN", secret, http.StatusServiceUnavailable), "shard 1 is away")
	ask(1, "DELETE", "/v0/tokens/app", secret, http.StatusServiceUnavailable)
	text.set(nil)

	ask(1, "DELETE", "/v0/tokens/app", secret, http.StatusOK)
	ask(1, "GET", "/v0/pipes", made.Token, http.StatusForbidden)
	require.NoError(t, tokens[0].Reload())
	ask(0, "GET", "/v0/pipes", made.Token, http.StatusForbidden)

	// The last one revoked opens no server.
	require.NoError(t, place.Revoke("admin"))
	require.NoError(t, tokens[0].Reload())
	ask(0, "GET", "/v0/pipes", "", http.StatusForbidden)

	text.text = `{"version":3,"tokens":[]}`
	require.ErrorContains(t, tokens[0].Reload(), "tokens.json has version 3")
}

// TestSharedTokensAtOnce makes and revokes tokens from many places at once: each is there, or not, as it was answered.
func TestSharedTokensAtOnce(t *testing.T) {
	place := httpapi.TokensAt(&sharedText{})
	var group sync.WaitGroup
	var mu sync.Mutex
	want := map[string]bool{}
	for i := range 8 {
		group.Go(func() {
			for n := range 20 {
				name := fmt.Sprintf("t%d.%d", i, n)
				_, err := httpapi.CreateToken(place, httpapi.Token{Name: name, Scopes: []string{"ADMIN"}, Created: now})
				if err == nil && n%3 == 0 {
					err = place.Revoke(name)
					if err == nil {
						continue
					}
				} else if err != nil {
					if !errors.Is(err, httpapi.ErrToken) {
						t.Error(err)
					}
					continue
				}
				mu.Lock()
				want[name] = true
				mu.Unlock()
			}
		})
	}
	group.Wait()
	tokens, err := place.List()
	require.NoError(t, err)
	got := map[string]bool{}
	for _, token := range tokens {
		got[token.Name] = true
	}
	require.Equal(t, want, got)
	require.Greater(t, len(got), 50)
}

// TestSharedTokensBesideTheAdminFile has the token of the admin file count before the shared ones are read.
func TestSharedTokensBesideTheAdminFile(t *testing.T) {
	tokens, err := httpapi.TokensAt(&sharedText{}).Load()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "admin")
	require.NoError(t, os.WriteFile(file, []byte("a-token-that-is-mounted\n"), 0o600))
	require.NoError(t, tokens.AddAdmin(file))
	s := start(t, httpapi.Options{Tokens: tokens})
	resp, body := s.do(t, "GET", "/v0/pipes", nil, "Authorization", "Bearer a-token-that-is-mounted")
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	resp, _ = s.do(t, "GET", "/v0/pipes", nil, "Authorization", "Bearer another-token")
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.NoError(t, tokens.Reload())
	resp, _ = s.do(t, "GET", "/v0/pipes", nil, "Authorization", "Bearer another-token")
	require.Equal(t, http.StatusForbidden, resp.StatusCode)
}
