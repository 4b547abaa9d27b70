package rowfile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	mark       = "\xEF\xBB\xBF"
	markLittle = "\xFF\xFE"
	markBig    = "\xFE\xFF"
)

// startBytes is how much of a text is looked at to tell what it is.
const startBytes = 64 << 10

// PlainText reads a text as UTF-8 without the byte order mark that spreadsheets and PowerShell put before one. UTF-16 is told by its
// mark, or by the zeros beside its first two characters.
func PlainText(file *bufio.Reader) *bufio.Reader {
	start, _ := file.Peek(len(markLittle))
	switch order := wideOrder(start); {
	case order != nil:
		_, _ = file.Discard(len(markLittle)) // it was peeked at
		return bufio.NewReaderSize(&wideReader{from: file, order: order}, startBytes)
	case len(start) == 0:
		return file
	case start[0] == mark[0]:
		if start, _ = file.Peek(len(mark)); string(start) == mark {
			_, _ = file.Discard(len(mark))
		}
	case len(start) == 2 && (start[0] == 0) != (start[1] == 0):
		if start, _ = file.Peek(4); len(start) == 4 && (start[2] == 0) == (start[0] == 0) && (start[3] == 0) == (start[1] == 0) {
			order := binary.ByteOrder(binary.LittleEndian)
			if start[0] == 0 {
				order = binary.BigEndian
			}
			return bufio.NewReaderSize(&wideReader{from: file, order: order}, startBytes)
		}
	}
	return file
}

// wideOrder returns the order of bytes of UTF-16 that begins with a mark; nil of what does not.
func wideOrder(start []byte) binary.ByteOrder {
	switch string(start) {
	case markLittle:
		return binary.LittleEndian
	case markBig:
		return binary.BigEndian
	}
	return nil
}

// wideReader reads UTF-16 as UTF-8.
type wideReader struct {
	from  *bufio.Reader
	order binary.ByteOrder
	ready []byte // what is not handed on yet
	char  [utf8.UTFMax]byte
}

func (r *wideReader) Read(p []byte) (int, error) {
	n := 0
	for {
		copied := copy(p[n:], r.ready)
		n += copied
		if r.ready = r.ready[copied:]; n == len(p) || n > 0 && r.from.Buffered() < 4 {
			return n, nil
		}
		char, err := r.next()
		if err != nil {
			if n > 0 {
				return n, nil // the reader below says it again
			}
			return 0, err
		}
		r.ready = utf8.AppendRune(r.char[:0], char)
	}
}

// next returns the next character; U+FFFD for half a surrogate pair, and for half a character at the end.
func (r *wideReader) next() (rune, error) {
	unit, err := r.unit()
	if err != nil || !utf16.IsSurrogate(unit) {
		return unit, err
	}
	low, err := r.from.Peek(2)
	if err != nil {
		return utf8.RuneError, nil //nolint:nilerr // the next read says it
	}
	char := utf16.DecodeRune(unit, rune(r.order.Uint16(low)))
	if char != utf8.RuneError {
		_, _ = r.from.Discard(2)
	}
	return char, nil
}

func (r *wideReader) unit() (rune, error) {
	var pair [2]byte
	_, err := io.ReadFull(r.from, pair[:])
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return utf8.RuneError, nil
	}
	return rune(r.order.Uint16(pair[:])), err
}
