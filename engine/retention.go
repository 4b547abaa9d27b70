package engine

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/event"
)

// ModelRetention is how long the rows of some models are kept. Of several that stand for a model the most specific counts:
// its name, then the longest prefix, then [Options.Retention].
type ModelRetention struct {
	// Models is a name, or a prefix that ends with a star.
	Models string
	// Keep is as Options.Retention is for all: whole months older than it are dropped, and 0 keeps everything.
	Keep time.Duration
}

// CheckRetentionOf returns what is wrong with the retention of models.
func CheckRetentionOf(of []ModelRetention) error {
	var errs []error
	seen := make(map[string]bool, len(of))
	for _, r := range of {
		prefix, _ := strings.CutSuffix(r.Models, "*")
		switch {
		case r.Models == "":
			errs = append(errs, errors.New("a name or a prefix* is needed"))
		case prefix == "":
			errs = append(errs, errors.New("* is every model, whose retention has no name"))
		case strings.Contains(prefix, "*"):
			errs = append(errs, fmt.Errorf("%q: a star is allowed at the end alone", r.Models))
		case len(prefix) > event.NameBytesMax:
			errs = append(errs, fmt.Errorf("%.20q...: a name has at most %d bytes", r.Models, event.NameBytesMax))
		case r.Keep < 0:
			errs = append(errs, fmt.Errorf("%q: %s must not be negative", r.Models, r.Keep))
		case seen[r.Models]:
			errs = append(errs, fmt.Errorf("%q is there twice", r.Models))
		}
		seen[r.Models] = true
	}
	return errors.Join(errs...)
}

// retention tells how long the rows of each model are kept. It never changes.
type retention struct {
	plain ModelRetention
	names map[string]ModelRetention
	// prefixes are without their stars, the longest first.
	prefixes []prefixRetention
	// shortest and longest bound what models are kept for; 0 is for ever.
	shortest, longest time.Duration
	// differs is set unless plain is that of every model.
	differs bool
}

type prefixRetention struct {
	prefix string
	ModelRetention
}

func newRetention(plain time.Duration, of []ModelRetention) retention {
	k := retention{
		plain: ModelRetention{Keep: plain}, names: make(map[string]ModelRetention), shortest: plain, longest: plain, differs: len(of) > 0,
	}
	for _, r := range of {
		if prefix, ok := strings.CutSuffix(r.Models, "*"); ok {
			k.prefixes = append(k.prefixes, prefixRetention{prefix, r})
		} else {
			k.names[r.Models] = r
		}
		if r.Keep > 0 && (k.shortest == 0 || r.Keep < k.shortest) {
			k.shortest = r.Keep
		}
		if k.longest > 0 && (r.Keep == 0 || r.Keep > k.longest) {
			k.longest = r.Keep
		}
	}
	slices.SortFunc(k.prefixes, func(a, b prefixRetention) int { return cmp.Compare(len(b.prefix), len(a.prefix)) })
	return k
}

// of returns what counts for a model.
func (k *retention) of(model string) ModelRetention {
	if r, ok := k.names[model]; ok {
		return r
	}
	for i := range k.prefixes {
		if strings.HasPrefix(model, k.prefixes[i].prefix) {
			return k.prefixes[i].ModelRetention
		}
	}
	return k.plain
}

// keptFrom is the start of the first month that is kept at a moment, 0 for what is kept for ever.
func keptFrom(past int64, keep time.Duration) int64 {
	if keep == 0 {
		return 0
	}
	return base.MonthOf(base.SubMilli(past, keep)).Span().From
}

// retentionAt is the retention at a moment.
type retentionAt struct {
	*retention
	past int64
}

// OldestOf returns the first timestamp that is kept of a model.
func (k retentionAt) OldestOf(model string) int64 { return keptFrom(k.past, k.of(model).Keep) }

// DropExpired drops the months that are wholly older than the retention of their model, as far as checkpoints cover them: first from
// the manifest, then from memory, then from disk.
func (db *DB) DropExpired() error {
	if err := db.begin(); err != nil {
		return err
	}
	defer db.end()
	return db.dropExpired()
}

func (db *DB) dropExpired() error {
	if db.retention.shortest == 0 {
		return nil
	}
	k := &db.checkpointer
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.files.Failure(); err != nil {
		return err
	}
	past := db.clock.Read().Past()
	expired := db.expired(past)
	if len(expired) == 0 {
		return nil
	}
	db.announce(expired, past)
	next := k.files.Manifest.Clone()
	for _, d := range expired {
		for _, sg := range d.segments {
			next.Retire(sg.Source.Place.Load())
		}
	}
	if err := k.files.Commit(&next); err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	for _, d := range expired {
		d.Model.Drop(d.Month)
		for _, sg := range d.segments {
			sg.Retired = true
		}
	}
	if err := k.files.Sweep(); err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	return nil
}

// expiredMonth is a month that is past the retention, with the segments that it has.
type expiredMonth struct {
	catalog.ModelMonth
	kept     ModelRetention
	segments []*catalog.Segment
}

// announce logs what is about to be dropped, by the retention that has it dropped: nothing brings it back.
func (db *DB) announce(expired []expiredMonth, past int64) {
	by := make(map[ModelRetention][]expiredMonth)
	for _, d := range expired {
		by[d.kept] = append(by[d.kept], d)
	}
	for _, kept := range slices.SortedFunc(maps.Keys(by), func(a, b ModelRetention) int { return cmp.Compare(a.Models, b.Models) }) {
		log := db.opts.Logger
		if kept.Models != "" {
			log = log.With("pattern", kept.Models)
		}
		announce(log, by[kept], kept.Keep, keptFrom(past, kept.Keep))
	}
}

func announce(log *slog.Logger, expired []expiredMonth, keep time.Duration, oldest int64) {
	rows, models := uint64(0), map[*catalog.Model]bool{}
	first, last := expired[0].Month.Span, expired[0].Month.Span
	for _, d := range expired {
		models[d.Model] = true
		for _, sg := range d.segments {
			rows += sg.Rows
		}
		first.From, last.To = min(first.From, d.Month.Span.From), max(last.To, d.Month.Span.To)
	}
	date := func(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.DateOnly) }
	log.Info("months older than the retention are dropped, for good",
		"retention", keep, "kept_from", date(oldest), "from", date(first.From), "to", date(last.To),
		"months", len(expired), "models", len(models), "rows", rows)
}

// expired returns the months that end before those that their models keep, and are all in packs. The checkpointer's lock is held, so that
// they stay that way but for late rows, which the bounds of the decoder keep out, and for deletions.
func (db *DB) expired(past int64) (found []expiredMonth) {
	db.models.Range(func(name string, m *catalog.Model) bool {
		kept := db.retention.of(name)
		oldest := keptFrom(past, kept.Keep)
		m.Mu.RLock()
		defer m.Mu.RUnlock()
		for _, mo := range m.Months {
			if mo.Span.To <= oldest && mo.IsSaved() {
				found = append(found, expiredMonth{catalog.ModelMonth{Model: m, Month: mo}, kept, mo.Segments})
			}
		}
		return true
	})
	return found
}
