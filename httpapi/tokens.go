package httpapi

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// Tokens is the tokens of a data directory as a server knows them. It follows the file: a change counts within a
// second, without a restart.
type Tokens struct {
	dir string
	// set is replaced as a whole.
	set atomic.Pointer[tokenSet]
	// looked is when the file was last looked at, in Unix nanoseconds.
	looked atomic.Int64
	// mu is held while the file is read.
	mu sync.Mutex
}

// tokenSet is one version of the file.
type tokenSet struct {
	info   fs.FileInfo // nil without a file
	tokens []knownToken
	// closed is set once a token was defined. From then on the server asks for one, even after the last was revoked.
	closed bool
}

type knownToken struct {
	name   string
	sum    [sha256.Size]byte
	scopes []scope
}

// holder is who sends a request.
type holder struct {
	name   string
	scopes []scope
}

// lookInterval is how often the file is looked at, at most.
const lookInterval = time.Second

// LoadTokens reads the tokens of a data directory. A directory without any is not an error.
func LoadTokens(dir string) (*Tokens, error) {
	t := &Tokens{dir: dir}
	t.set.Store(&tokenSet{})
	if err := t.Reload(); err != nil {
		return nil, err
	}
	return t, nil
}

// Defined reports whether a token was ever defined since the tokens were loaded.
func (t *Tokens) Defined() bool { return !t.open() }

// open reports whether nobody is asked for a token.
func (t *Tokens) open() bool { return t == nil || !t.set.Load().closed }

// Reload reads the file now. After an error the tokens are those of before.
func (t *Tokens) Reload() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	listed, info, err := readTokens(t.dir)
	if err != nil {
		return err
	}
	next := &tokenSet{info: info, closed: len(listed) > 0 || t.set.Load().closed}
	for _, token := range listed {
		known, err := token.known()
		if err != nil {
			return fmt.Errorf("read tokens: %s: %w", token.Name, err)
		}
		next.tokens = append(next.tokens, known)
	}
	t.set.Store(next)
	return nil
}

func (t Token) known() (knownToken, error) {
	known := knownToken{name: t.Name}
	if n, err := hex.Decode(known.sum[:], []byte(t.SHA256)); err != nil || n != sha256.Size || len(t.SHA256) != 2*sha256.Size {
		return knownToken{}, fmt.Errorf("%w: sha256 must be 64 hexadecimal digits", ErrToken)
	}
	for _, text := range t.Scopes {
		s, err := parseScope(text)
		if err != nil {
			return knownToken{}, fmt.Errorf("%w: %w", ErrToken, err)
		}
		known.scopes = append(known.scopes, s)
	}
	return known, nil
}

// follow reloads the file if it changed since it was read, looking at most once per lookInterval.
func (t *Tokens) follow(now time.Time) error {
	if t == nil {
		return nil
	}
	last := t.looked.Load()
	if n := now.UnixNano(); n-last < int64(lookInterval) && n >= last || !t.looked.CompareAndSwap(last, now.UnixNano()) {
		return nil
	}
	info, err := os.Stat(filepath.Join(t.dir, tokensName))
	known := t.set.Load().info
	switch {
	case os.IsNotExist(err):
		if known == nil {
			return nil
		}
	case err != nil:
		return fmt.Errorf("look at tokens: %w", err)
	case known != nil && os.SameFile(info, known) && info.ModTime().Equal(known.ModTime()) && info.Size() == known.Size():
		return nil
	}
	return t.Reload()
}

// find returns the holder of a token. It takes the same time whichever token matches, or none.
func (t *Tokens) find(token []byte) (holder, bool) {
	sum := sha256.Sum256(token)
	set := t.set.Load()
	found := -1
	for i := range set.tokens {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(set.tokens[i].sum[:], sum[:]), i, found)
	}
	if found < 0 {
		return holder{}, false
	}
	return holder{name: set.tokens[found].name, scopes: set.tokens[found].scopes}, true
}

// identify finds out who sends a request. Without tokens it is anybody, with every right.
func (s *Server) identify(c *call) error {
	tokens := s.opts.Tokens
	if err := tokens.follow(s.opts.Now()); err != nil {
		s.log.warn("tokens could not be read again, the known ones stay", "error", err)
	}
	if tokens.open() {
		c.holder = holder{scopes: everyRight}
		return nil
	}
	token, err := c.token()
	if err != nil {
		return err
	}
	if len(token) == 0 {
		return forbidden("a token is needed: send the header Authorization: Bearer <token>, or the parameter token")
	}
	var ok bool
	if c.holder, ok = tokens.find(token); !ok {
		return forbidden("invalid authentication token")
	}
	return nil
}

var everyRight = []scope{{kind: admin}}

// token returns what the request presents, from the header or else from its query string.
func (c *call) token() ([]byte, error) {
	if header := c.ctx.Request.Header.Peek(fasthttp.HeaderAuthorization); len(header) > 0 {
		scheme, token, _ := bytes.Cut(header, []byte(" "))
		if !bytes.EqualFold(scheme, []byte("Bearer")) {
			return nil, forbidden("the Authorization header must be of the form Bearer <token>")
		}
		return bytes.TrimSpace(token), nil
	}
	token, _, err := c.params.text("token")
	return token, err
}

// holds reports whether the request's token covers one of the rights.
func (c *call) holds(anyOf ...scope) bool {
	return slices.ContainsFunc(c.holder.scopes, func(held scope) bool { return slices.ContainsFunc(anyOf, held.covers) })
}

// allow checks that the request's token covers one of the rights asked for.
func (s *Server) allow(c *call, anyOf ...scope) error {
	if c.holds(anyOf...) {
		return nil
	}
	return forbidden("the token %s does not have the scope %s", shown(c.holder.name), anyOf[0])
}
