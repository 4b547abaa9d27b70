//go:build linux

package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBodyOf(t *testing.T) {
	const sized, chunked = "HTTP/1.1 200 OK\r\nContent-Length: 5", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
	for _, c := range []struct{ head, rest, body string }{
		{sized, "hello", "hello"},
		{chunked, "5\r\nhello\r\n0\r\n\r\n", "hello"},
		{chunked, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"},
		{chunked, "6\r\n0\r\n\r\nx\r\n0\r\n\r\n", "0\r\n\r\nx"},
	} {
		body, done, err := bodyOf([]byte(c.head), []byte(c.rest))
		require.NoError(t, err)
		require.True(t, done)
		require.Equal(t, c.body, string(body))
		for n := range len(c.rest) {
			_, done, err = bodyOf([]byte(c.head), []byte(c.rest[:n]))
			require.NoError(t, err)
			require.False(t, done, "%q is not whole", c.rest[:n])
		}
	}
	_, _, err := bodyOf([]byte("HTTP/1.1 200 OK"), nil)
	require.ErrorContains(t, err, "an answer without length")
}
