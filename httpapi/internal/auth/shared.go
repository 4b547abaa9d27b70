package auth

import (
	"fmt"
	"strings"
)

// Shared is a text that several servers have, and read and change at any time. Its methods bound their own time.
type Shared interface {
	// Read returns the text, empty if there is none, and its version.
	Read() (text string, version uint64, err error)
	// Replace puts another text in its place, durably, if the version is still the one that was read, and returns whether it was.
	Replace(version uint64, text string) (bool, error)
}

// shared is the place of tokens that servers share. The text is what the file of a directory has.
type shared struct{ of Shared }

func (s shared) list() ([]Token, error) {
	tokens, _, err := s.read()
	return tokens, err
}

func (s shared) read() ([]Token, uint64, error) {
	text, version, err := s.of.Read()
	if err != nil {
		return nil, 0, fmt.Errorf("read tokens: %w", err)
	}
	if text == "" {
		return nil, version, nil
	}
	tokens, err := decodeTokens(strings.NewReader(text), tokensName)
	return tokens, version, err
}

// editTries is how often an edit begins anew because another one was faster.
const editTries = 10

func (s shared) edit(edit func([]Token) ([]Token, error)) error {
	for range editTries {
		tokens, version, err := s.read()
		if err != nil {
			return err
		}
		if tokens, err = edit(tokens); err != nil {
			return err
		}
		text, err := encodeTokens(tokens)
		if err != nil {
			return err
		}
		done, err := s.of.Replace(version, string(text))
		if err != nil {
			return fmt.Errorf("write tokens: %w", err)
		}
		if done {
			return nil
		}
	}
	return ErrChanging
}
