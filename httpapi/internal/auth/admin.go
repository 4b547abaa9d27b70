package auth

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// adminName is who holds the token of the admin file, in the log and where requests are counted. No token of the data
// directory can have the name.
const adminName = "admin token file"

// Bounds of the token in the admin file: fewer bytes are guessed, more do not fit the head of a request.
const (
	adminBytesMin = 16
	adminBytesMax = 1024
)

// adminToken is what is known of the token in the admin file.
type adminToken struct {
	info fs.FileInfo
	sum  [sha256.Size]byte
}

// readAdmin reads the admin file. No error has a byte of it, nor its path: who mistakes the flag for one that takes the
// token has written that there.
func readAdmin(path string) (*adminToken, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, adminError(err)
	}
	if !info.Mode().IsRegular() { // a pipe would be waited for
		return nil, adminError(errors.New("it is no regular file"))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, adminError(err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, adminBytesMax+3))
	if err != nil {
		return nil, adminError(err)
	}
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	switch {
	case len(text) == 0:
		return nil, adminError(errors.New("it is empty"))
	case bytes.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, adminError(errors.New("it must hold the token alone, in one line of printable ASCII without spaces"))
	case len(text) < adminBytesMin:
		return nil, adminError(fmt.Errorf("the token is too short; %d characters are the least", adminBytesMin))
	case len(text) > adminBytesMax:
		return nil, adminError(fmt.Errorf("the token is too long; %d characters are the most", adminBytesMax))
	}
	return &adminToken{info: info, sum: sha256.Sum256(text)}, nil
}

func adminError(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return fmt.Errorf("%w: the admin token file: %w", ErrToken, err)
}

// readableByAll tells whether every user of the machine may read the file.
func (a *adminToken) readableByAll() bool { return a.info.Mode().Perm()&0o004 != 0 }
