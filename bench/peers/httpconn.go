package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// httpConn is one connection to the server that is kept open. It does as little as a client can, because it shares the machine with
// what it measures: requests are written as they are handed in, and of an answer's head only status and length are read.
type httpConn struct {
	conn net.Conn
	in   *bufio.Reader
	body []byte
}

func dialHTTP(ctx context.Context, address string) (*httpConn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &httpConn{conn: conn, in: bufio.NewReaderSize(conn, 16<<10)}, nil
}

// close ends the connection; all answers were read.
func (c *httpConn) close() { _ = c.conn.Close() }

func getRequest(path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
}

func eventsRequest(body []byte) []byte {
	return fmt.Appendf(nil, "POST /v0/events?name=ml_model_predictions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s",
		len(body), body)
}

// do sends a request and returns the body of its answer, which is valid until the next call. A status other than 2xx is an error.
func (c *httpConn) do(request []byte) ([]byte, error) {
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	status, length := "", -1
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if status == "" {
			status = text
			continue
		}
		if text == "" {
			break
		}
		if name, value, _ := strings.Cut(text, ":"); strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return nil, fmt.Errorf("answer with a length of %q", value)
			}
		}
	}
	if length < 0 {
		return nil, errors.New("answer without a length")
	}
	c.body = append(c.body[:0], make([]byte, length)...)
	if _, err := io.ReadFull(c.in, c.body); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(status, "HTTP/1.1 2") {
		return nil, fmt.Errorf("%s: %s", status, c.body)
	}
	return c.body, nil
}
