package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/residualdb/residual/httpapi/internal/problem"
)

// tokensName is the file in the data directory. It is replaced as a whole; its draft, which only one writer can
// create, is the lock between two of them.
const (
	tokensName = "tokens.json"
	draftName  = "tokens.json.new"
)

// tokensMax bounds the file: each request compares its token with all of them.
const tokensMax = 1000

// ErrToken is returned for a token command that cannot be carried out as given, ErrChanging, which is of that class, for one beside another.
var (
	ErrToken    = errors.New("token")
	ErrChanging = fmt.Errorf("%w: another command is changing the tokens", ErrToken)
)

// Token is what is kept of a token: all but the token itself.
type Token struct {
	Name   string   `json:"name"`
	SHA256 string   `json:"sha256"`
	Scopes []string `json:"scopes"`
	// Models are names and prefixes with a star behind them, to which all scopes are bounded; empty for every model.
	Models  []string  `json:"models,omitempty"`
	Created time.Time `json:"created"`
}

func (t Token) bounded() bool { return len(t.Models) > 0 }

// tokensFile is the content of the file.
type tokensFile struct {
	// Version is absent from a file without bounded tokens, which every program reads, else boundedVersion: a program from
	// before there were any must not take such a token for one without bounds.
	Version int     `json:"version,omitempty"`
	Tokens  []Token `json:"tokens"`
}

const boundedVersion = 2

// Create adds a token to the data directory and returns it. It is shown nowhere else: the directory gets its
// SHA-256. Its scopes must be of those that exist; it needs one unless it is granted rights otherwise.
func Create(dir string, token Token, existing []string, granted bool) (string, error) {
	if !PlainName(token.Name) {
		return "", fmt.Errorf("%w: the name %s must be 1 to 128 letters, digits, dots, dashes and underscores", ErrToken, problem.Shown(token.Name))
	}
	if len(token.Scopes) == 0 && !granted {
		return "", fmt.Errorf("%w: at least one scope is needed", ErrToken)
	}
	scopes, err := token.scopes()
	if err == nil {
		err = errors.Join(missing(scopes, existing)...)
	}
	if err == nil {
		_, err = boundOf(token.Models, scopes)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrToken, err)
	}
	var secret [32]byte
	// rand.Read never fails.
	_, _ = rand.Read(secret[:])
	text := "p." + base64.RawURLEncoding.EncodeToString(secret[:])
	sum := sha256.Sum256([]byte(text))
	err = editTokens(dir, func(tokens []Token) ([]Token, error) {
		if slices.ContainsFunc(tokens, func(t Token) bool { return t.Name == token.Name }) {
			return nil, fmt.Errorf("%w: one named %s exists; revoke it first", ErrToken, token.Name)
		}
		if len(tokens) >= tokensMax {
			return nil, fmt.Errorf("%w: there are %d already, which is the most", ErrToken, tokensMax)
		}
		token.SHA256, token.Created = hex.EncodeToString(sum[:]), token.Created.UTC().Truncate(time.Second)
		return append(tokens, token), nil
	})
	if err != nil {
		return "", err
	}
	return text, nil
}

// Revoke removes a token from the data directory. A running server notices within a second.
func Revoke(dir, name string) error {
	return editTokens(dir, func(tokens []Token) ([]Token, error) {
		kept := slices.DeleteFunc(slices.Clone(tokens), func(t Token) bool { return t.Name == name })
		if len(kept) == len(tokens) {
			return nil, fmt.Errorf("%w: there is none named %s", ErrToken, problem.Shown(name))
		}
		return kept, nil
	})
}

// List returns the tokens of the data directory, which must exist, in the order of their creation.
func List(dir string) ([]Token, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	tokens, _, err := readTokens(dir)
	return tokens, err
}

// readTokens reads the file and what tells this version of it from the next. A missing file holds no tokens.
func readTokens(dir string) ([]Token, fs.FileInfo, error) {
	file, err := os.Open(filepath.Join(dir, tokensName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read tokens: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("read tokens: %w", err)
	}
	var content tokensFile
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&content); err != nil {
		return nil, nil, fmt.Errorf("read tokens: %s: %w", file.Name(), err)
	}
	switch {
	case content.Version > boundedVersion || content.Version < 0:
		return nil, nil, fmt.Errorf("read tokens: %s has version %d; this program reads up to %d", file.Name(), content.Version, boundedVersion)
	case slices.ContainsFunc(content.Tokens, Token.bounded) && content.Version != boundedVersion:
		return nil, nil, fmt.Errorf("read tokens: %s has tokens with models, and not version %d", file.Name(), boundedVersion)
	}
	return content.Tokens, info, nil
}

// editTokens replaces the file by an edited one, durably.
func editTokens(dir string, edit func([]Token) ([]Token, error)) error {
	draft, err := os.OpenFile(filepath.Join(dir, draftName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w; if none is, remove %s", ErrChanging, filepath.Join(dir, draftName))
	}
	if err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	tokens, _, err := readTokens(dir)
	if err == nil {
		tokens, err = edit(tokens)
	}
	if err == nil {
		if err = commit(draft, dir, tokens); err != nil {
			err = fmt.Errorf("write tokens: %w", err)
		}
	}
	if err != nil {
		_ = draft.Close()
		_ = os.Remove(draft.Name())
	}
	return err
}

// commit writes tokens to the draft and puts it in the place of the file.
func commit(draft *os.File, dir string, tokens []Token) error {
	content := tokensFile{Tokens: tokens}
	if slices.ContainsFunc(tokens, Token.bounded) {
		content.Version = boundedVersion
	}
	encoded, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return err
	}
	if _, err := draft.Write(append(encoded, '\n')); err != nil {
		return err
	}
	if err := errors.Join(draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := os.Rename(draft.Name(), filepath.Join(dir, tokensName)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
