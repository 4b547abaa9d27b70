package retention

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/event"
)

// Rule is how long the rows of some models are kept, in months that are wholly older; 0 keeps everything.
type Rule struct {
	// Models is a name, or a prefix that ends with a star, empty for all.
	Models string
	Keep   time.Duration
}

// Table tells how long the rows of each model are kept. It never changes.
type Table struct {
	plain Rule
	names map[string]Rule
	// prefixes are without their stars, the longest first.
	prefixes []prefixRule
	// shortest and longest bound what models are kept for; 0 is for ever.
	shortest, longest time.Duration
	// differs is set unless plain is that of every model.
	differs bool
}

type prefixRule struct {
	prefix string
	Rule
}

// New makes the table of a retention of all models, and of those that have another one.
func New(plain time.Duration, of []Rule) *Table {
	k := &Table{
		plain: Rule{Keep: plain}, names: make(map[string]Rule), shortest: plain, longest: plain, differs: len(of) > 0,
	}
	for _, r := range of {
		if prefix, ok := strings.CutSuffix(r.Models, "*"); ok {
			k.prefixes = append(k.prefixes, prefixRule{prefix, r})
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
	slices.SortFunc(k.prefixes, func(a, b prefixRule) int { return cmp.Compare(len(b.prefix), len(a.prefix)) })
	return k
}

// Of returns what counts for a model.
func (k *Table) Of(model string) Rule {
	if r, ok := k.names[model]; ok {
		return r
	}
	for i := range k.prefixes {
		if strings.HasPrefix(model, k.prefixes[i].prefix) {
			return k.prefixes[i].Rule
		}
	}
	return k.plain
}

// KeptFrom is the start of the first month that is kept at a moment, 0 for what is kept for ever.
func KeptFrom(past int64, keep time.Duration) int64 {
	if keep == 0 {
		return 0
	}
	return base.MonthOf(base.SubMilli(past, keep)).Span().From
}

// Forever tells whether everything is kept of every model.
func (k *Table) Forever() bool { return k.shortest == 0 }

// Bound has rules take the timestamps alone that are kept at a moment, in Unix milliseconds.
func (k *Table) Bound(r *event.Rules, past int64) {
	r.Oldest = KeptFrom(past, k.longest)
	if k.differs {
		r.KeptByAll = KeptFrom(past, k.shortest)
		r.Kept = at{k, past}
	}
}

// at is a table at a moment.
type at struct {
	*Table

	past int64
}

// OldestOf returns the first timestamp that is kept of a model.
func (k at) OldestOf(model string) int64 { return KeptFrom(k.past, k.Of(model).Keep) }
