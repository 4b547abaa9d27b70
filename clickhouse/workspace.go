package clickhouse

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/clickhouse/schema"
	"github.com/residualdb/residual/engine"
)

// Workspace is what servers before the same tables share beside rows: texts under names, in folders, in the table workspace of the first
// shard. A folder has a version, by which a change of some of its texts takes place at once and as a whole, or not at all where another
// process was faster. It is safe for concurrent use.
type Workspace struct {
	config Config

	mu sync.Mutex
	// Guarded by mu. home is nil until a server has answered.
	home   *shard
	closed bool
	// context ends with the workspace.
	context context.Context
	cancel  context.CancelFunc
}

// NewWorkspace returns the workspace of a store. It asks no server: that is done by who reads.
func NewWorkspace(c Config) (*Workspace, error) {
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("open a workspace in ClickHouse: %w", err)
	}
	c.Options = c.withDefaults()
	w := &Workspace{config: c}
	w.context, w.cancel = context.WithCancel(context.Background())
	return w, nil
}

// Close ends what is under way, and closes the connections. It is idempotent.
func (w *Workspace) Close() error {
	w.cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	if w.home == nil {
		return nil
	}
	one := shards{list: []*shard{w.home}}
	return one.close()
}

// during is a context that ends with the workspace too.
func (w *Workspace) during(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(w.context, cancel)
	return ctx, func() { stop(); cancel() }
}

// shard finds the shard that has the table.
func (w *Workspace) shard(ctx context.Context) (*shard, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, engine.ErrClosed
	}
	if w.home != nil {
		return w.home, nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout+workTimeout)
	defer cancel()
	made, err := w.config.made(ctx)
	if err != nil {
		return nil, err
	}
	list, err := w.config.topology(ctx, made[metaCluster])
	if err != nil {
		return nil, err
	}
	if err := made.of(list[0]).checkShards(list[0].addresses(), list[0], list); err != nil {
		all := shards{list: list}
		return nil, errors.Join(err, all.close())
	}
	others := shards{list: list[1:]}
	w.home, list[0].stop = list[0], w.context.Done()
	return w.home, others.close()
}

// headName is that of the text by which a folder has its version: the identities of its last changes, the newest first. By them who has
// sent a change knows whether it has taken place, also when others have followed.
const (
	headName    = ""
	changesKept = 32
)

// workTimeout is how long one replica may take.
const workTimeout = 5 * time.Second

// head is the state of a folder.
type head struct {
	version uint64
	changes []string
}

// Read returns the texts of a folder that have some names, and its version, both of one moment. A name without a text is left out.
func (w *Workspace) Read(ctx context.Context, folder string, names ...string) (texts map[string]string, version uint64, err error) {
	ctx, done := w.during(ctx)
	defer done()
	of, err := w.shard(ctx)
	if err != nil {
		return nil, 0, err
	}
	texts, h, err := w.read(ctx, of, folder, names)
	return texts, h.version, err
}

func (w *Workspace) read(ctx context.Context, of *shard, folder string, names []string) (texts map[string]string, h head, err error) {
	err = w.rows(ctx, of, "read the workspace", fmt.Sprintf("SELECT name, argMax(value, version), max(version) FROM %s.%s WHERE folder = %s AND name IN (%s) GROUP BY name",
		w.config.Database, schema.Workspace, quoted(folder), quotedList(append([]string{headName}, names...))), func(rows driver.Rows) error {
		var name, value string
		var version uint64
		if err := rows.Scan(&name, &value, &version); err != nil {
			return err
		}
		switch {
		case name == headName:
			h = head{version, strings.Fields(value)}
		case value != "":
			texts[name] = value
		}
		return nil
	}, func() { texts, h = map[string]string{}, head{} })
	return texts, h, err
}

// Sizes returns how many bytes the texts of a folder have, by name.
func (w *Workspace) Sizes(ctx context.Context, folder string) (sizes map[string]int64, err error) {
	ctx, done := w.during(ctx)
	defer done()
	of, err := w.shard(ctx)
	if err != nil {
		return nil, err
	}
	err = w.rows(ctx, of, "read sizes in the workspace", fmt.Sprintf("SELECT name, argMax(length(value), version) FROM %s.%s WHERE folder = %s AND name != '' GROUP BY name",
		w.config.Database, schema.Workspace, quoted(folder)), func(rows driver.Rows) error {
		var name string
		var bytes uint64
		if err := rows.Scan(&name, &bytes); err != nil {
			return err
		}
		if bytes > 0 {
			sizes[name] = int64(bytes)
		}
		return nil
	}, func() { sizes = map[string]int64{} })
	return sizes, err
}

// Versions returns the versions of all folders: what has changed is seen by them at the price of a few rows.
func (w *Workspace) Versions(ctx context.Context) (versions map[string]uint64, err error) {
	ctx, done := w.during(ctx)
	defer done()
	of, err := w.shard(ctx)
	if err != nil {
		return nil, err
	}
	err = w.rows(ctx, of, "look at the workspace", fmt.Sprintf("SELECT folder, max(version) FROM %s.%s WHERE name = '' GROUP BY folder", w.config.Database, schema.Workspace),
		func(rows driver.Rows) error {
			var folder string
			var version uint64
			if err := rows.Scan(&folder, &version); err != nil {
				return err
			}
			versions[folder] = version
			return nil
		}, func() { versions = map[string]uint64{} })
	return versions, err
}

// sequentialSettings are those of a question that finds all that a quorum has, whichever replica it is asked of.
func (s *shard) sequentialSettings() ch.Settings {
	settings := maps.Clone(querySettings)
	if s.quorum > 0 {
		settings["select_sequential_consistency"] = 1
	}
	return settings
}

// changeSettings are those of the change of a folder to a version: of two the server takes one.
func (s *shard) changeSettings(folder string, version uint64) ch.Settings {
	settings := s.insertSettings()
	settings["insert_deduplicate"], settings["insert_deduplication_token"] = 1, fmt.Sprintf("%s %d", folder, version)
	if s.quorum > 0 {
		settings["insert_quorum_parallel"] = 0 // so that select_sequential_consistency finds it
	}
	return settings
}

// rows calls each with every row of an answer, and begin before the first one of each replica that is asked.
func (w *Workspace) rows(ctx context.Context, of *shard, what, statement string, each func(driver.Rows) error, begin func()) error {
	settings := of.sequentialSettings()
	return of.ask(ctx, what, func(ctx context.Context, conn driver.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, workTimeout)
		defer cancel()
		begin()
		return eachRow(ch.Context(ctx, ch.WithSettings(settings)), conn, statement, each)
	})
}

// Replace gives names of a folder other texts, at once and durably, if its version is still the one that was read; an empty text removes.
// It returns false, and has changed nothing, if another change was faster. After an error of the class [engine.ErrOutcomeUnknown] the change
// may have taken place, or still take place; after any other error it does not.
//
// One change at most gets a version: all of it is one INSERT, which carries the version as its token, and of inserts with the same token the
// server takes the first. A token is looked up among the last ones only; so the version is looked at before each INSERT.
func (w *Workspace) Replace(ctx context.Context, folder string, version uint64, texts map[string]string) (bool, error) {
	ctx, done := w.during(ctx)
	defer done()
	ctx, cancel := context.WithTimeout(ctx, w.config.InsertTimeout)
	defer cancel()
	of, err := w.shard(ctx)
	if err != nil {
		return false, err
	}
	id, sent := hex.EncodeToString(randomBytes(8)), false
	for {
		_, h, err := w.read(ctx, of, folder, nil)
		switch {
		case err == nil && slices.Contains(h.changes, id):
			return true, nil
		case err == nil && h.version != version && (!sent || h.version < version+changesKept):
			return false, nil
		case err == nil && h.version != version:
			return false, unknownChange(of, fmt.Errorf("%d changes came behind it", h.version-version))
		case err == nil:
			var may bool
			may, err = w.change(ctx, of, folder, head{version + 1, append([]string{id}, h.changes[:min(len(h.changes), changesKept-1)]...)}, texts)
			if sent = sent || may; err == nil {
				continue
			}
		}
		if !sent {
			return false, err
		}
		timer := time.NewTimer(retryPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false, unknownChange(of, err)
		}
	}
}

// change sends a change to the first replica that can be reached. It tells whether the change may be stored: an answer of the server does
// not tell that it is, because the same version from another process is passed over in silence.
func (w *Workspace) change(ctx context.Context, of *shard, folder string, h head, texts map[string]string) (may bool, err error) {
	settings := of.changeSettings(folder, h.version)
	folders, names, versions, values := []string{folder}, []string{headName}, []uint64{h.version}, []string{strings.Join(h.changes, " ")}
	for name, text := range texts {
		folders, names, versions, values = append(folders, folder), append(names, name), append(versions, h.version), append(values, text)
	}
	for n := range of.each {
		var sent bool
		err = n.within(ctx, func(ctx context.Context, conn driver.Conn) (err error) {
			ctx, cancel := context.WithTimeout(ctx, workTimeout)
			defer cancel()
			sent, err = send(ch.Context(ctx, ch.WithSettings(settings)), conn,
				fmt.Sprintf("INSERT INTO %s.%s (folder, name, version, value)", w.config.Database, schema.Workspace), onePiece(folders, names, versions, values))
			return err
		})
		if err == nil {
			n.setThere()
			return true, nil
		}
		if sent && faultOf(err).is(maybeStored) {
			may = true
		}
		if answered(err) || ctx.Err() != nil {
			break
		}
		if !ofDisk(err) && !noneFree(err) {
			n.setAway(awayFor)
		}
	}
	return may, wrap(err, "change the workspace", of, false)
}

// unknownChange is the error of a change of which nobody has said what became of it.
func unknownChange(of *shard, err error) error {
	text := fmt.Sprintf("shard %d of the cluster did not say what became of it; whether it is stored is not known, look before it is sent again", of.number)
	return &engine.AwayError{Class: engine.ErrOutcomeUnknown, Text: text, RetryAfter: 5 * time.Second, Err: fmt.Errorf("change the workspace: %w", err)}
}
