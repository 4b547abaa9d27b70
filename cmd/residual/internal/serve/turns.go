package serve

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/project/deployments"
)

// Servers before one cluster have the same connectors, and one of them fetches each. It has the turn of it as long as it says so time and again;
// where it has not for a while, another one takes the turn. For a moment two may have it, such as after one of them was halted, which
// stores the same rows. No clocks are compared: a server sees by its own how long the word of another has not changed.

const (
	turnsFolder = "connectors"
	turnsText   = "turns.json"

	// renewEvery is how often a server says that it has its turns. After turnLasts without, it has none any more, and others take them after
	// turnEnds.
	renewEvery = 5 * time.Second
	turnLasts  = 15 * time.Second
	turnEnds   = 20 * time.Second
)

// turn is who fetches what a connector does, and how often it has said so.
type turn struct {
	Holder string `json:"holder"`
	Count  uint64 `json:"count"`
	// Asked is how often others have asked the holder to look for what is new.
	Asked uint64 `json:"asked,omitempty"`
}

// turns are those of a server. It is safe for concurrent use.
type turns struct {
	shared deployments.Shared
	id     string
	now    func() time.Time

	mu sync.Mutex
	// Guarded by mu. held are the turns that the server has, renewed is when it began to say so; seen are those of others, and since when
	// they have not changed. asked are the connectors of the server that others have asked since it was last looked.
	held    map[string]bool
	renewed time.Time
	seen    map[string]turn
	since   map[string]time.Time
	asked   []string
}

func newTurns(shared deployments.Shared, now func() time.Time) *turns {
	return &turns{shared: shared, id: rand.Text(), now: now, held: map[string]bool{}, seen: map[string]turn{}, since: map[string]time.Time{}}
}

// has tells whether the server has the turn of a connector.
func (t *turns) has(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.held[name]
}

// take takes the turns of what the server wants to fetch and nobody does, gives back those of what it does not want, and says that it has the
// others. It returns whether those that it has are others now.
func (t *turns) take(wanted []string) (changed bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(wanted)+len(t.held) == 0 {
		return false, nil
	}
	begin := t.now()
	if len(t.held) > 0 && begin.Sub(t.renewed) > turnLasts {
		t.held, changed = map[string]bool{}, true
	}
	all, version, err := t.read()
	if err != nil {
		return changed, err
	}
	next, differs := maps.Clone(all), false
	for _, name := range wanted {
		switch was, ok := all[name]; {
		case ok && was.Holder != t.id && begin.Sub(t.since[name]) < turnEnds:
		case ok && was.Holder == t.id && t.held[name] && begin.Sub(t.renewed) < renewEvery:
		default:
			next[name], differs = turn{t.id, was.Count + 1, was.Asked}, true
		}
	}
	for name, was := range all {
		if was.Holder == t.id && !slices.Contains(wanted, name) {
			delete(next, name)
			differs = true
		}
	}
	if differs {
		done, err := t.write(version, next)
		if err != nil || !done { // another one was faster: the next time
			return changed, err
		}
		t.renewed = begin
		all = next
	}
	held := map[string]bool{}
	for name, of := range all {
		if of.Holder == t.id {
			held[name] = true
		}
	}
	changed = changed || !maps.Equal(held, t.held)
	t.held = held
	return changed, nil
}

// takeAsked returns the connectors of the server that others have asked since the last call.
func (t *turns) takeAsked() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	asked := t.asked
	t.asked = nil
	return asked
}

// askTries is how often the turns are read again that another server has changed before they were written.
const askTries = 5

// ask has the server that has the turn of a connector look for what is new. Where none has it nothing is noted: who takes a turn looks.
func (t *turns) ask(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for range askTries {
		all, version, err := t.read()
		if err != nil {
			return err
		}
		of, ok := all[name]
		if !ok {
			return nil
		}
		of.Asked++
		next := maps.Clone(all)
		next[name] = of
		if done, err := t.write(version, next); err != nil || done {
			return err
		}
	}
	return &engine.AwayError{
		Class: engine.ErrUnavailable, RetryAfter: time.Second, Err: engine.ErrUnavailable,
		Text: "other servers of the cluster change who fetches what at the moment; nobody was asked, send the request again",
	}
}

// read returns all turns, and notes which of them have changed, and which of the server were asked.
func (t *turns) read() (map[string]turn, uint64, error) {
	texts, version, err := t.shared.Read(turnsText)
	if err != nil {
		return nil, 0, err
	}
	all := map[string]turn{}
	if text := texts[turnsText]; text != "" {
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			return nil, 0, fmt.Errorf("read %s: %w", turnsText, err)
		}
	}
	now := t.now()
	for name, of := range all {
		was := t.seen[name]
		if was.Holder != of.Holder || was.Count != of.Count || t.since[name].IsZero() { // who asks says nothing of the holder
			t.since[name] = now
		}
		if of.Holder == t.id && of.Asked > was.Asked {
			t.asked = append(t.asked, name)
		}
	}
	t.seen = all
	return all, version, nil
}

func (t *turns) write(version uint64, all map[string]turn) (bool, error) {
	text, err := json.Marshal(all)
	if err != nil {
		return false, err
	}
	return t.shared.Replace(version, map[string]string{turnsText: string(text)})
}

// fetched are the names of what a project's connectors fetch into.
func (p *projectOf) fetched(of *loadedProject) (names []string) {
	configs := of.connectors(p.poll)
	for i := range configs {
		names = append(names, configs[i].Name)
	}
	return names
}

// takeTurns has the connectors run whose turn the server has now.
func (p *projectOf) takeTurns() error {
	p.changing.Lock()
	defer p.changing.Unlock()
	p.mu.Lock()
	runner, used := p.runner, p.used
	p.mu.Unlock()
	if runner == nil {
		return nil
	}
	before := map[string]bool{}
	for _, name := range p.fetched(used) {
		before[name] = p.turns.has(name)
	}
	changed, err := p.turns.take(p.fetched(used))
	for _, name := range p.turns.takeAsked() {
		runner.Ask(name)
	}
	if !changed {
		return err
	}
	err = errors.Join(err, runner.Apply(p.ours(used)))
	for name, had := range before {
		if has := p.turns.has(name); has != had {
			p.log.Info("connector", "datasource", name, "fetched by this server", has)
			if has {
				p.askOnce(runner, used, name)
			}
		}
	}
	return err
}
