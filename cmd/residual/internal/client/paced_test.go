package client

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestPausesAreSent checks that the whole lines of a stream that pauses leave within a second of the first of them, that a torn line
// waits for its end, and that a stream which does not pause is cut where it always is.
func TestPausesAreSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		reader, writer := io.Pipe()
		go func() {
			for _, step := range []struct {
				text string
				then time.Duration
			}{
				{"one\ntw", 300 * time.Millisecond},
				{"o\nthr", 10 * time.Second},
				{"ee\n", 5 * time.Second},
				{strings.Repeat("x", 30) + "\nmore\nlast", 20 * time.Second},
			} {
				_, _ = writer.Write([]byte(step.text)) // a pipe that is read
				time.Sleep(step.then)
			}
			_ = writer.Close()
		}()
		s := &splitter{stream: newPaced(t.Context(), reader, time.Second), size: 32}
		f := func(body string, at time.Duration) {
			t.Helper()
			b, err := s.next(nil)
			require.NoError(t, err)
			require.Equal(t, body, string(b.body))
			require.InDelta(t, at.Seconds(), time.Since(began).Seconds(), 0.001)
			require.Equal(t, sumsOf(b.body), b.sums)
		}
		f("one\ntwo\n", time.Second)
		f("three\n", 10300*time.Millisecond+time.Second)
		f(strings.Repeat("x", 30)+"\n", 15300*time.Millisecond) // a full batch does not wait
		f("more\n", 15300*time.Millisecond+time.Second)
		f("last", 35300*time.Millisecond)
		_, err := s.next(nil)
		require.ErrorIs(t, err, io.EOF)
	})
}

// TestPausesEndWithTheirContext has a stream that brings nothing.
func TestPausesEndWithTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		reader, writer := io.Pipe()
		s := &splitter{stream: newPaced(ctx, reader, time.Second), size: 32}
		time.AfterFunc(time.Minute, cancel)
		_, err := s.next(nil)
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, writer.Close())
	})
}

func TestPausesKeepErrors(t *testing.T) {
	broken := errors.New("broken")
	reader, writer := io.Pipe()
	go func() {
		_, _ = writer.Write([]byte("one\n"))
		_ = writer.CloseWithError(broken)
	}()
	s := &splitter{stream: newPaced(t.Context(), reader, time.Hour), size: 32}
	_, err := s.next(nil)
	require.ErrorIs(t, err, broken)
}
