package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/residualdb/residual/httpapi/internal/problem"
)

// Tokens is the tokens of a place as a server knows them, and the one of an admin file if there is one. It follows the files: a change
// counts within a second, without a restart. Those that servers share are read by Reload alone, which whoever has them calls when they have
// changed.
type Tokens struct {
	place Place
	admin string // path of the admin file, empty for none; set before Tokens is shared
	// set is replaced as a whole.
	set atomic.Pointer[tokenSet]
	// looked is when the files were last looked at, in Unix nanoseconds.
	looked atomic.Int64
	// mu is held while the files are read.
	mu sync.Mutex
}

// tokenSet is one version of the files.
type tokenSet struct {
	// unread is set as long as nobody knows which tokens there are.
	unread bool
	info   fs.FileInfo // nil without a file
	admin  *adminToken // nil without an admin file
	tokens []knownToken
	// closed is set once a token was defined. From then on the server asks for one, even after the last was revoked.
	closed bool
}

type knownToken struct {
	Principal

	sum [sha256.Size]byte
}

// lookInterval is how often the files are looked at, at most.
const lookInterval = time.Second

// Load reads the tokens of a place. A directory without any is not an error. Shared ones are not read before Reload, and as long as they
// are not, no token is known but that of the admin file.
func (p Place) Load() (*Tokens, error) {
	t := &Tokens{place: p}
	_, unread := p.place.(shared)
	t.set.Store(&tokenSet{unread: unread})
	if unread {
		return t, nil
	}
	if err := t.Reload(); err != nil {
		return nil, err
	}
	return t, nil
}

// AddAdmin has the token in the file at path be one with the scope ADMIN, of which no more than its hash is kept. It must
// be called before t is shared.
func (t *Tokens) AddAdmin(path string) error {
	t.admin = path
	t.mu.Lock()
	defer t.mu.Unlock()
	next := *t.set.Load()
	err := t.readAdmin(&next)
	t.set.Store(&next)
	return err
}

// Warnings says what is odd about the tokens, given the scopes that exist: scopes of what does not exist, which may be of
// a later version and count for nothing; an admin file that every user of the machine may read.
func (t *Tokens) Warnings(existing []string) (warnings []string) {
	set := t.set.Load()
	for i := range set.tokens {
		for _, err := range missing(set.tokens[i].scopes, existing) {
			warnings = append(warnings, fmt.Sprintf("the token %s: %s", set.tokens[i].Name, err))
		}
	}
	if set.admin != nil && set.admin.readableByAll() {
		warnings = append(warnings, "every user of this machine may read the admin token file; chmod o-r closes it")
	}
	return warnings
}

// Has reports whether there is a token of a name.
func (t *Tokens) Has(name string) bool {
	return t != nil && slices.ContainsFunc(t.set.Load().tokens, func(known knownToken) bool { return known.Name == name })
}

// Place is where the tokens are kept.
func (t *Tokens) Place() Place { return t.place }

// Defined reports whether a token was ever defined since the tokens were loaded.
func (t *Tokens) Defined() bool { return !t.Open() }

// Open reports whether nobody is asked for a token.
func (t *Tokens) Open() bool {
	if t == nil {
		return true
	}
	set := t.set.Load()
	return !set.closed && !set.unread
}

// Reload reads the tokens now. After an error of one of the files, or of what is shared, its tokens are those of before.
func (t *Tokens) Reload() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := *t.set.Load()
	err := t.readPlace(&next)
	if t.admin != "" {
		err = errors.Join(err, t.readAdmin(&next))
	}
	t.set.Store(&next)
	return err
}

// readPlace reads the tokens of the place.
func (t *Tokens) readPlace(next *tokenSet) (err error) {
	var listed []Token
	var info fs.FileInfo
	if dir, ok := t.place.place.(directory); ok {
		listed, info, err = dir.read()
	} else {
		listed, err = t.place.list()
	}
	if err != nil {
		return err
	}
	var tokens []knownToken
	for _, token := range listed {
		known, err := token.known()
		if err != nil {
			return fmt.Errorf("read tokens: %s: %w", token.Name, err)
		}
		tokens = append(tokens, known)
	}
	next.tokens, next.info, next.unread, next.closed = tokens, info, false, next.closed || len(tokens) > 0
	return nil
}

// readAdmin reads the admin file.
func (t *Tokens) readAdmin(next *tokenSet) error {
	admin, err := readAdmin(t.admin)
	if err == nil {
		next.admin, next.closed = admin, true
	}
	return err
}

func (t Token) known() (knownToken, error) {
	known := knownToken{Principal: Principal{Name: t.Name}}
	if n, err := hex.Decode(known.sum[:], []byte(t.SHA256)); err != nil || n != sha256.Size || len(t.SHA256) != 2*sha256.Size {
		return knownToken{}, fmt.Errorf("%w: sha256 must be 64 hexadecimal digits", ErrToken)
	}
	var err error
	if known.scopes, err = t.scopes(); err == nil {
		known.Within, err = boundOf(t.Models, known.scopes)
	}
	if err != nil {
		return knownToken{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	return known, nil
}

// scopes reads the texts of the token's scopes.
func (t Token) scopes() (scopes []Scope, err error) {
	for _, text := range t.Scopes {
		s, err := parseScope(text)
		if err != nil {
			return nil, err
		}
		scopes = append(scopes, s)
	}
	return scopes, nil
}

// Follow reloads the files if one changed since it was read, looking at most once per lookInterval.
func (t *Tokens) Follow(now time.Time) error {
	if t == nil {
		return nil
	}
	last := t.looked.Load()
	if n := now.UnixNano(); n-last < int64(lookInterval) && n >= last || !t.looked.CompareAndSwap(last, now.UnixNano()) {
		return nil
	}
	set := t.set.Load()
	same := true
	if dir, ok := t.place.place.(directory); ok {
		info, err := os.Stat(filepath.Join(string(dir), tokensName))
		if err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("look at tokens: %w", err)
		}
		same = sameFile(info, set.info)
	}
	if set.admin != nil {
		admin, err := os.Stat(t.admin)
		same = same && err == nil && sameFile(admin, set.admin.info) // Reload says what is wrong
	}
	if same {
		return nil
	}
	return t.Reload()
}

// sameFile tells whether a file is as it was; nil stands for one that is not there.
func sameFile(is, was fs.FileInfo) bool {
	if is == nil || was == nil {
		return is == nil && was == nil
	}
	return os.SameFile(is, was) && is.ModTime().Equal(was.ModTime()) && is.Size() == was.Size()
}

// Identify returns the holder of a token. It takes the same time whichever token matches, or none.
func (t *Tokens) Identify(token []byte) (Principal, error) {
	set := t.set.Load()
	if len(token) == 0 && !set.unread {
		return Principal{}, problem.Forbidden("a token is needed: send the header Authorization: Bearer <token>, or the parameter token")
	}
	sum := sha256.Sum256(token)
	found := -1
	for i := range set.tokens {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(set.tokens[i].sum[:], sum[:]), i, found)
	}
	switch {
	case set.admin != nil && subtle.ConstantTimeCompare(set.admin.sum[:], sum[:]) == 1:
		return Principal{Name: adminName, scopes: []Scope{{Kind: Admin}}}, nil
	case set.unread:
		return Principal{}, problem.Unready("which tokens there are could not be read yet")
	case found < 0:
		return Principal{}, problem.Forbidden("invalid authentication token")
	}
	return set.tokens[found].Principal, nil
}
