//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is a running process of residual serve.
type server struct {
	process *exec.Cmd
	address string
	started time.Time
	log     bytes.Buffer
}

// startServer returns when the server says that it listens.
func startServer(ctx context.Context, program, dir string, flags ...string) (*server, error) {
	s := &server{started: time.Now()}
	s.process = exec.CommandContext(ctx, program, append([]string{"serve", "--data-dir", dir, "--listen", "127.0.0.1:0"}, flags...)...)
	s.process.Stderr = &s.log
	out, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on http://")
	if err != nil || !ok {
		return nil, errors.Join(fmt.Errorf("residual serve said %q: %s", line, s.log.Bytes()), s.kill())
	}
	s.address = address
	return s, nil
}

func (s *server) usage() (usage, error) { return usageOf(s.process.Process.Pid) }

// stop lets the server drain and make its checkpoint.
func (s *server) stop() error {
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := s.process.Wait(); err != nil {
		return fmt.Errorf("residual serve: %w: %s", err, s.log.Bytes())
	}
	return nil
}

// kill ends the process as a crash would.
func (s *server) kill() error {
	if err := s.process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_ = s.process.Wait() // it was killed, and says so
	return nil
}

// get asks for one path on a connection of its own.
func (s *server) get(ctx context.Context, path string) ([]byte, error) {
	conn, err := dialHTTP(ctx, s.address)
	if err != nil {
		return nil, err
	}
	defer conn.close()
	return conn.do(getRequest(path))
}

// gauges reads /metrics: the values of the samples without labels.
func (s *server) gauges(ctx context.Context) (map[string]float64, error) {
	text, err := s.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	values := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			if number, err := strconv.ParseFloat(value, 64); err == nil {
				values[name] = number
			}
		}
	}
	return values, nil
}

// The background is quiet when nothing was sealed, merged or written for quietFor; quietMax bounds the wait.
const (
	quietFor = time.Second / 2
	quietMax = 2 * time.Minute
)

// quiet waits until the server has nothing left to do in the background.
func (s *server) quiet(ctx context.Context) error {
	last, since, deadline := "", time.Now(), time.Now().Add(quietMax)
	for time.Now().Before(deadline) {
		values, err := s.gauges(ctx)
		if err != nil {
			return err
		}
		state := fmt.Sprint(values["residual_checkpoints_total"], values["residual_merges_total"], values["residual_segments"],
			values["residual_head_rows"], values["residual_resident_bytes"])
		if state != last {
			last, since = state, time.Now()
		}
		if time.Since(since) >= quietFor {
			return nil
		}
		time.Sleep(quietFor / 10)
	}
	return fmt.Errorf("the server is still busy after %s", quietMax)
}
