package files

import (
	"context"
	"errors"
	"io"
	"time"
)

// object is a file as its place lists it.
type object struct {
	// key is its name in the place.
	key      string
	size     int64
	modified time.Time
	// version is another one when the content is. It holds no blank, and match is what the server is to be asked for to send no other
	// one, empty if nothing is.
	version, match string
	// young is set for a file that may still be written.
	young bool
	// begun is the position up to which it was read before, as it is stored.
	begun string
}

// place is where files are.
type place interface {
	// list calls yield for each file that the pattern means, in any order. skipped says why a part of the place was left out.
	list(ctx context.Context, yield func(object)) (skipped, err error)
	// open returns the bytes of a file from an offset on. What cannot be read now is of one of the classes below, or no error of the
	// file alone.
	open(ctx context.Context, o *object, from int64) (io.ReadCloser, error)
	// openAt returns a file to be read here and there.
	openAt(ctx context.Context, o *object) (readerAtCloser, error)
	// name is that of a file for people, and for its position: that of the place with the key behind it.
	name(key string) string
}

type readerAtCloser interface {
	io.ReaderAt
	io.Closer
}

var (
	// errChanged is returned where a file has another version than it was listed with.
	errChanged = errors.New("it was changed while it was read, and is read again from its beginning")

	// errGone is returned where a file is not there any more.
	errGone = errors.New("it was removed before it was read to its end")

	// errForbidden is the class of errors of a file that may be readable when it is looked at again.
	errForbidden = errors.New("it may not be read")

	// errShort is returned where a server sends less of a file than there is, again and again.
	errShort = errors.New("the server sends less of it than it lists; it is tried again")

	// errUnreadable is the class of errors of a file that stay as long as the file stays as it is.
	errUnreadable = errors.New("it cannot be read")
)

// ofFile tells whether an error is of one file, so that others can be read.
func ofFile(err error) bool {
	return errors.Is(err, errChanged) || errors.Is(err, errGone) || isLater(err) || errors.Is(err, errUnreadable)
}

// isLater tells whether an error is of one file that may be readable when it is looked at again.
func isLater(err error) bool { return errors.Is(err, errForbidden) || errors.Is(err, errShort) }
