package httpapi

import (
	"errors"
	"io"
	"syscall"
)

// receive is Read of the connection below. Large parts of bodies are copied from the kernel on threads that give way: a
// copy takes a good part of a millisecond, in which the kernel lets nobody else run. Slow bodies hold none of them.
func (c *conn) receive(p []byte) (n int, err error) {
	plain, ok := c.Conn.(syscall.Conn)
	readers := c.guard.server.readers.Load()
	if len(p) < backgroundBytes || !ok || readers == nil {
		return c.Conn.Read(p)
	}
	raw, err := plain.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Read(func(fd uintptr) (arrived bool) { // the descriptor does not block
		readers.Do(func() {
			for failed = syscall.EINTR; errors.Is(failed, syscall.EINTR); {
				n, failed = syscall.Read(int(fd), p)
			}
		})
		return !errors.Is(failed, syscall.EAGAIN)
	})
	switch {
	case err != nil:
		return 0, err
	case failed != nil:
		return 0, failed
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}
