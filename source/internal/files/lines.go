package files

import (
	"bytes"
	"io"

	"github.com/residualdb/residual/event"
)

// runBytes is how much of a file is decoded at once. The longest line fits.
const runBytes = event.LineBytesMax + 2

// lines cuts a stream into runs of whole lines. Of a line longer than event.LineBytesMax the beginning comes, by itself, which the decoder
// rejects; the rest is skipped. So what is in memory is bounded whatever the stream holds.
type lines struct {
	from io.Reader
	// rest is what was read and not returned.
	rest []byte
	// count and offset are how many lines and bytes came before.
	count  int
	offset int64
	ended  bool
	err    error // of from, behind the lines that were returned
}

// next returns the next run in the memory of buf, which has room for runBytes, and io.EOF after the last one. Before another error come the
// whole lines in front of it.
func (l *lines) next(buf []byte) ([]byte, error) {
	if l.err != nil {
		return nil, l.err
	}
	buf = append(buf[:0], l.rest...)
	for !l.ended && len(buf) < runBytes {
		n, err := l.from.Read(buf[len(buf):runBytes])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			l.ended = true
		} else if err != nil {
			l.err = err
			break
		}
	}
	end := bytes.LastIndexByte(buf, '\n') + 1
	switch {
	case l.err != nil && end == 0:
		return nil, l.err
	case l.err != nil:
	case len(buf) == 0:
		return nil, io.EOF
	case l.ended:
		end = len(buf)
	case end == 0:
		return l.long(buf)
	}
	l.rest = append(l.rest[:0], buf[end:]...)
	l.passed(buf[:end])
	return buf[:end], nil //nolint:nilerr // an error comes with the next run
}

// long passes the rest of a line that fills buf, and returns buf.
func (l *lines) long(buf []byte) ([]byte, error) {
	passed := int64(len(buf))
	window := make([]byte, 64<<10)
	for !l.ended {
		n, err := l.from.Read(window)
		if end := bytes.IndexByte(window[:n], '\n') + 1; end > 0 {
			l.rest = append(l.rest[:0], window[end:n]...)
			passed += int64(end)
			l.ended = err == io.EOF
			if err != nil && err != io.EOF {
				return nil, err
			}
			break
		}
		passed += int64(n)
		if err == io.EOF {
			l.rest, l.ended = l.rest[:0], true
		} else if err != nil {
			return nil, err
		}
	}
	l.count, l.offset = l.count+1, l.offset+passed
	return buf, nil
}

// passed counts what is returned. A last line that nothing ends is a line.
func (l *lines) passed(run []byte) {
	l.count += bytes.Count(run, []byte{'\n'})
	if run[len(run)-1] != '\n' {
		l.count++
	}
	l.offset += int64(len(run))
}

// skip passes n lines. It returns io.EOF where there are fewer.
func (l *lines) skip(n int) error {
	window := make([]byte, 64<<10)
	for n > 0 {
		got, err := l.from.Read(window)
		for at := 0; at < got; {
			end := bytes.IndexByte(window[at:got], '\n') + 1
			if end == 0 {
				l.offset += int64(got - at)
				break
			}
			at += end
			l.count, l.offset = l.count+1, l.offset+int64(end)
			if n--; n == 0 {
				l.rest = append(l.rest[:0], window[at:got]...)
				l.ended = err == io.EOF
				break
			}
		}
		if err != nil && n > 0 {
			return err
		}
	}
	return nil
}
