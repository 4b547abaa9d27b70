package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
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

// directory is the place of one server: the file of a data directory.
type directory string

// list is that of the directory, which must exist.
func (d directory) list() ([]Token, error) {
	if _, err := os.Stat(string(d)); err != nil {
		return nil, err
	}
	tokens, _, err := d.read()
	return tokens, err
}

// read reads the file and what tells this version of it from the next. A missing file holds no tokens.
func (d directory) read() ([]Token, fs.FileInfo, error) {
	file, err := os.Open(filepath.Join(string(d), tokensName))
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
	tokens, err := decodeTokens(file, file.Name())
	return tokens, info, err
}

// decodeTokens reads tokens out of what is called name in errors.
func decodeTokens(r io.Reader, name string) ([]Token, error) {
	var content tokensFile
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&content); err != nil {
		return nil, fmt.Errorf("read tokens: %s: %w", name, err)
	}
	switch {
	case content.Version > boundedVersion || content.Version < 0:
		return nil, fmt.Errorf("read tokens: %s has version %d; this program reads up to %d", name, content.Version, boundedVersion)
	case slices.ContainsFunc(content.Tokens, Token.bounded) && content.Version != boundedVersion:
		return nil, fmt.Errorf("read tokens: %s has tokens with models, and not version %d", name, boundedVersion)
	}
	return content.Tokens, nil
}

// encodeTokens is the inverse of decodeTokens.
func encodeTokens(tokens []Token) ([]byte, error) {
	content := tokensFile{Tokens: tokens}
	if slices.ContainsFunc(tokens, Token.bounded) {
		content.Version = boundedVersion
	}
	encoded, err := json.MarshalIndent(content, "", "  ")
	return append(encoded, '\n'), err
}

// edit replaces the file by an edited one, durably.
func (d directory) edit(edit func([]Token) ([]Token, error)) error {
	draft, err := os.OpenFile(filepath.Join(string(d), draftName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w; if none is, remove %s", ErrChanging, filepath.Join(string(d), draftName))
	}
	if err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	tokens, _, err := d.read()
	if err == nil {
		tokens, err = edit(tokens)
	}
	if err == nil {
		if err = d.commit(draft, tokens); err != nil {
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
func (d directory) commit(draft *os.File, tokens []Token) error {
	encoded, err := encodeTokens(tokens)
	if err != nil {
		return err
	}
	if _, err := draft.Write(encoded); err != nil {
		return err
	}
	if err := errors.Join(draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := os.Rename(draft.Name(), filepath.Join(string(d), tokensName)); err != nil {
		return err
	}
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
