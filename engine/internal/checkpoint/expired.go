package checkpoint

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/retention"
)

// DropExpired drops the months that are wholly older than the retention of their model, as far as checkpoints cover them: first from
// the manifest, then from memory, then from disk.
func (k *Checkpointer) DropExpired() error {
	if k.env.Retention.Forever() {
		return nil
	}
	k.Mu.Lock()
	defer k.Mu.Unlock()
	if err := k.Files.Failure(); err != nil {
		return err
	}
	past := k.env.Clock.Read().Past()
	expired := k.expired(past)
	if len(expired) == 0 {
		return nil
	}
	k.announce(expired, past)
	next := k.Files.Manifest.Clone()
	for _, d := range expired {
		for _, sg := range d.segments {
			next.Retire(sg.Source.Place.Load())
		}
	}
	if err := k.Files.Commit(&next); err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	for _, d := range expired {
		d.Model.Drop(d.Month)
		for _, sg := range d.segments {
			sg.Retired = true
		}
	}
	if err := k.Files.Sweep(); err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	return nil
}

// expiredMonth is a month that is past the retention, with the segments that it has.
type expiredMonth struct {
	catalog.ModelMonth
	kept     retention.Rule
	segments []*catalog.Segment
}

// announce logs what is about to be dropped, by the retention that has it dropped: nothing brings it back.
func (k *Checkpointer) announce(expired []expiredMonth, past int64) {
	by := make(map[retention.Rule][]expiredMonth)
	for _, d := range expired {
		by[d.kept] = append(by[d.kept], d)
	}
	for _, kept := range slices.SortedFunc(maps.Keys(by), func(a, b retention.Rule) int { return cmp.Compare(a.Models, b.Models) }) {
		log := k.env.Logger
		if kept.Models != "" {
			log = log.With("pattern", kept.Models)
		}
		announce(log, by[kept], kept.Keep, retention.KeptFrom(past, kept.Keep))
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
func (k *Checkpointer) expired(past int64) (found []expiredMonth) {
	k.env.Models.Range(func(name string, m *catalog.Model) bool {
		kept := k.env.Retention.Of(name)
		oldest := retention.KeptFrom(past, kept.Keep)
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

// SweepReleased removes what was pinned and is no longer needed, if no sweep has done so since.
func (k *Checkpointer) SweepReleased() error {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	return k.Files.SweepReleased()
}
