//go:build linux

package main

import (
	"context"
	"errors"
	"runtime"
	"syscall"
	"time"
)

// httpLoad keeps one request under way on each of so many connections, for as long as next has one and not nil. It
// returns the time of each answer in milliseconds, and that of all. One thread waits for all connections, so that the
// client takes little of the machine from the server.
func httpLoad(ctx context.Context, address string, clients int, next func() []byte) (times []float64, took time.Duration, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = syscall.Close(poll) }()
	conns, sent := make([]*httpConn, clients), make([]time.Time, clients)
	for i := range conns {
		if conns[i], err = dialHTTP(ctx, address); err != nil {
			return nil, 0, err
		}
		defer conns[i].close()
		interest := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(i)} // the kernel hands back what Fd holds
		if err := syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, conns[i].fd, &interest); err != nil {
			return nil, 0, err
		}
	}

	underWay := 0
	send := func(i int) error {
		request := next()
		if request == nil {
			return nil
		}
		underWay++
		sent[i] = time.Now()
		return conns[i].send(request)
	}
	begin := time.Now()
	for i := range conns {
		if err := send(i); err != nil {
			return nil, 0, err
		}
	}
	events := make([]syscall.EpollEvent, clients)
	for underWay > 0 {
		n, err := syscall.EpollWait(poll, events, -1)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return nil, 0, err
		}
		for _, event := range events[:max(n, 0)] {
			i := int(event.Fd)
			_, done, err := conns[i].receive()
			if err == nil && done {
				underWay--
				times = append(times, float64(time.Since(sent[i]))/1e6)
				err = send(i)
			}
			if err != nil {
				return nil, 0, err
			}
		}
	}
	return times, time.Since(begin), nil
}
