package httpapi

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/thread"
)

// TestReceive holds that what is copied on threads that give way arrives as it was sent, that a read waits for what is
// not there yet, and ends with its deadline and with the connection.
func TestReceive(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, ln.Close()) }()
	client, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	raw, err := ln.Accept()
	require.NoError(t, err)
	defer func() { require.NoError(t, raw.Close()) }()
	s := &Server{}
	s.readers.Store(thread.Start(1))
	defer func() { s.readers.Load().Stop() }()
	c := &conn{Conn: raw, guard: &guard{server: s}}

	require.NoError(t, c.SetReadDeadline(time.Now()))
	_, err = c.Read(make([]byte, backgroundBytes))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, c.SetReadDeadline(time.Time{}))

	sent := bytes.Repeat([]byte("0123456789abcde\n"), 1<<16)
	go func() {
		_, err := client.Write(sent)
		if err := errors.Join(err, client.Close()); err != nil {
			t.Error(err)
		}
	}()
	var got []byte
	for buffer := make([]byte, backgroundBytes); ; {
		n, err := c.Read(buffer)
		got = append(got, buffer[:n]...)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
	require.True(t, bytes.Equal(sent, got))
}
