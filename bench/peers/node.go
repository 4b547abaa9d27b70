//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// node is a process that runs one of our scripts, which drive an engine. See node/driver.js for the commands.
type node struct {
	process *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	log     bytes.Buffer
}

// command to the script, and what it answers.
type command struct {
	Op      string  `json:"op"`
	Dir     string  `json:"dir,omitempty"`
	SQL     string  `json:"sql,omitempty"`
	Clients int     `json:"clients,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	Least   int     `json:"least,omitempty"`
}

type reply struct {
	Error string    `json:"error"`
	Ms    float64   `json:"ms"`
	Rows  answer    `json:"rows"`
	Times []float64 `json:"times"`
	Count int       `json:"count"`
}

func startNode(ctx context.Context, modules, script string) (*node, error) {
	n := &node{process: exec.CommandContext(ctx, "node", filepath.Join(modules, script))}
	n.process.Stderr = &n.log
	var err error
	if n.in, err = n.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := n.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	n.out = bufio.NewReaderSize(out, 1<<20)
	return n, n.process.Start()
}

// do sends one command and waits for its answer. Lines that an engine prints itself are skipped.
func (n *node) do(c command) (reply, error) {
	line, err := json.Marshal(c)
	if err != nil {
		return reply{}, err
	}
	if _, err := n.in.Write(append(line, '\n')); err != nil {
		return reply{}, errors.Join(err, n.fault())
	}
	for {
		line, err := n.out.ReadString('\n')
		if err != nil {
			return reply{}, errors.Join(err, n.fault())
		}
		text, ok := strings.CutPrefix(line, "answer ")
		if !ok {
			continue
		}
		var r reply
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber() // counts and floats as they were written
		if err := decoder.Decode(&r); err != nil {
			return reply{}, err
		}
		if r.Error != "" {
			return reply{}, fmt.Errorf("%s: %s", c.Op, r.Error)
		}
		return r, nil
	}
}

// fault is what the process has said on its standard error.
func (n *node) fault() error {
	if text := bytes.TrimSpace(n.log.Bytes()); len(text) > 0 {
		return errors.New(string(text))
	}
	return nil
}

// peer is an engine inside a process of node.
type peer struct {
	modules string // folder with the scripts and node_modules
	dir     string
	dialect
	node *node
}

// dialect is what differs between the peers.
type dialect struct {
	script  string
	now     string   // expression for the time %s
	variant string   // of the questions' SQL
	tables  []string // statements
	load    func(d dataset) string
	settle  []string
	bytes   func(p *peer) (int64, error)
}

func openPeer(ctx context.Context, modules, dir string, d dialect) (*peer, error) {
	p := &peer{modules: modules, dir: dir, dialect: d}
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	if _, err := p.node.do(command{Op: "open", Dir: dir}); err != nil {
		return nil, errors.Join(err, p.kill())
	}
	for _, table := range p.tables {
		if _, err := p.node.do(command{Op: "exec", SQL: table}); err != nil {
			return nil, errors.Join(err, p.kill())
		}
	}
	return p, nil
}

// start begins a process without opening the database.
func (p *peer) start(ctx context.Context) (err error) {
	p.node, err = startNode(ctx, p.modules, p.script)
	return err
}

func (p *peer) load(_ context.Context, d dataset) (loadCost, error) {
	r, err := p.node.do(command{Op: "exec", SQL: p.dialect.load(d)})
	return loadCost{took: milliseconds(r.Ms)}, err
}

func (p *peer) settle(context.Context) (int64, error) {
	for _, statement := range p.dialect.settle {
		if _, err := p.node.do(command{Op: "exec", SQL: statement}); err != nil {
			return 0, err
		}
	}
	return p.bytes(p)
}

func (p *peer) restart(ctx context.Context, q question, d dataset) (time.Duration, error) {
	if err := p.close(); err != nil {
		return 0, err
	}
	if err := p.start(ctx); err != nil {
		return 0, err
	}
	opened, err := p.node.do(command{Op: "open", Dir: p.dir})
	if err != nil {
		return 0, err
	}
	asked, err := p.node.do(command{Op: "exec", SQL: p.sql(q, d)})
	return milliseconds(opened.Ms + asked.Ms), err
}

// sql is the question in the engine's dialect.
func (p *peer) sql(q question, d dataset) string {
	return q.statement(d, p.variant, fmt.Sprintf(p.now, d.asOf.Format(time.DateTime)))
}

func (p *peer) ask(_ context.Context, q question, d dataset) (answer, error) {
	r, err := p.node.do(command{Op: "ask", SQL: p.sql(q, d)})
	return r.Rows, err
}

func (p *peer) latencies(_ context.Context, q question, d dataset, e effort) ([]float64, error) {
	r, err := p.node.do(command{Op: "time", SQL: p.sql(q, d), Seconds: e.seconds, Least: e.least})
	return r.Times, err
}

func (p *peer) throughput(_ context.Context, q question, d dataset, clients int, e effort) (float64, error) {
	r, err := p.node.do(command{Op: "clients", SQL: p.sql(q, d), Clients: clients, Seconds: e.seconds})
	return float64(r.Count) / (r.Ms / 1000), err
}

func (p *peer) usage() (usage, error) { return usageOf(p.node.process.Process.Pid) }

func (p *peer) close() error {
	_, err := p.node.do(command{Op: "close"})
	return errors.Join(err, p.node.process.Wait())
}

func (p *peer) kill() error {
	err := p.node.process.Process.Kill()
	_ = p.node.process.Wait() // it was killed, and says so
	return err
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
