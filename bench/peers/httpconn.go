//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"os"
	"strconv"
	"syscall"
)

// httpConn is one connection to the server that is kept open. It does as little as a client can, because it shares the
// machine with what it measures: it makes system calls by itself, past Go's poller, and of an answer's head it reads
// status and length, or that it is chunked, as our server writes them.
type httpConn struct {
	file   *os.File
	fd     int
	buffer []byte
	filled int
}

func dialHTTP(ctx context.Context, address string) (*httpConn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // File duplicates it
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		panic("BUG: tcp is not TCP")
	}
	file, err := tcp.File()
	if err != nil {
		return nil, err
	}
	return &httpConn{file: file, fd: int(file.Fd()), buffer: make([]byte, 16<<10)}, nil // Fd makes it blocking
}

// close ends the connection; all answers were read.
func (c *httpConn) close() { _ = c.file.Close() }

func getRequest(path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
}

func eventsRequest(body []byte) []byte {
	return fmt.Appendf(nil, "POST /v0/events?name=ml_model_predictions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s",
		len(body), body)
}

// do sends a request and returns the body of its answer, which is valid until the next call. A status other than 2xx is
// an error.
func (c *httpConn) do(request []byte) ([]byte, error) {
	if err := c.send(request); err != nil {
		return nil, err
	}
	for {
		if body, done, err := c.receive(); done || err != nil {
			return body, err
		}
	}
}

func (c *httpConn) send(request []byte) error {
	for len(request) > 0 {
		n, err := syscall.Write(c.fd, request)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return err
		}
		request = request[max(n, 0):]
	}
	return nil
}

// receive reads once, and says whether the answer is complete with that.
func (c *httpConn) receive() (body []byte, done bool, err error) {
	if c.filled == len(c.buffer) {
		c.buffer = append(c.buffer, make([]byte, len(c.buffer))...)
	}
	n, err := syscall.Read(c.fd, c.buffer[c.filled:])
	if errors.Is(err, syscall.EINTR) {
		return nil, false, nil
	}
	if err == nil && n == 0 {
		err = errors.New("the server closed the connection")
	}
	if err != nil {
		return nil, false, err
	}
	c.filled += n
	head, rest, ok := bytes.Cut(c.buffer[:c.filled], []byte("\r\n\r\n"))
	if !ok {
		return nil, false, nil
	}
	if body, done, err = bodyOf(head, rest); !done || err != nil {
		return nil, false, err
	}
	c.filled = 0
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 2")) {
		return nil, false, fmt.Errorf("%s: %s", bytes.SplitN(head, []byte("\r\n"), 2)[0], body)
	}
	return body, true, nil
}

// bodyOf returns the body of an answer from the bytes after its head, and whether all of it is there. A long answer is
// chunked, and over with the chunk that is empty.
func bodyOf(head, rest []byte) (body []byte, done bool, err error) {
	if bytes.Contains(head, []byte("\r\nTransfer-Encoding: chunked")) {
		if !bytes.HasSuffix(rest, []byte("\r\n0\r\n\r\n")) {
			return nil, false, nil
		}
		body, err = io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(rest)))
		if errors.Is(err, io.ErrUnexpectedEOF) { // what looks like the end is text
			return nil, false, nil
		}
		return body, err == nil, err
	}
	_, length, _ := bytes.Cut(head, []byte("\r\nContent-Length: "))
	length, _, _ = bytes.Cut(length, []byte("\r\n"))
	want, err := strconv.Atoi(string(length))
	if err != nil {
		return nil, false, fmt.Errorf("an answer without length: %q", head)
	}
	if len(rest) < want {
		return nil, false, nil
	}
	return rest[:want], true, nil
}
