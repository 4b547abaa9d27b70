package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/residualdb/residual/httpapi/internal/problem"
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
	Principal

	sum [sha256.Size]byte
}

// lookInterval is how often the file is looked at, at most.
const lookInterval = time.Second

// Load reads the tokens of a data directory. A directory without any is not an error.
func Load(dir string) (*Tokens, error) {
	t := &Tokens{dir: dir}
	t.set.Store(&tokenSet{})
	if err := t.Reload(); err != nil {
		return nil, err
	}
	return t, nil
}

// Defined reports whether a token was ever defined since the tokens were loaded.
func (t *Tokens) Defined() bool { return !t.Open() }

// Open reports whether nobody is asked for a token.
func (t *Tokens) Open() bool { return t == nil || !t.set.Load().closed }

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
	known := knownToken{Principal: Principal{Name: t.Name}}
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

// Follow reloads the file if it changed since it was read, looking at most once per lookInterval.
func (t *Tokens) Follow(now time.Time) error {
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

// Identify returns the holder of a token. It takes the same time whichever token matches, or none.
func (t *Tokens) Identify(token []byte) (Principal, error) {
	if len(token) == 0 {
		return Principal{}, problem.Forbidden("a token is needed: send the header Authorization: Bearer <token>, or the parameter token")
	}
	sum := sha256.Sum256(token)
	set := t.set.Load()
	found := -1
	for i := range set.tokens {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(set.tokens[i].sum[:], sum[:]), i, found)
	}
	if found < 0 {
		return Principal{}, problem.Forbidden("invalid authentication token")
	}
	return set.tokens[found].Principal, nil
}
