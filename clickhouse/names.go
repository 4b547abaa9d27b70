package clickhouse

import (
	"strings"
	"time"

	"github.com/residualdb/residual/engine"
)

// named is the models that a question is about, as SQL and as names.
type named struct {
	condition string
	// names are all that it may be about, nil where that is not known.
	names []string
}

// modelsOf reads what a question says of models: a name, all, or a list of names and prefixes, of which the text may itself be a name;
// and the bound of who asks. It may be about more models than the question: which of them are meant is for the engine to say.
func modelsOf(pattern, within string, literal engine.Columns) named {
	n := named{condition: "1"}
	switch items := itemsOf(pattern); {
	case literal&engine.ModelColumn != 0 || len(items) == 1 && items[0] == pattern && !strings.HasSuffix(pattern, engine.All):
		n.condition, n.names = "model_id = "+quoted(pattern), []string{pattern}
	case pattern != engine.All:
		n.condition, n.names = conditionOf(items)
		if n.condition += " OR model_id = " + quoted(pattern); n.names != nil {
			n.names = append(n.names, pattern)
		}
	}
	if within != "" {
		bound, names := conditionOf(itemsOf(within))
		n.condition = "(" + n.condition + ") AND (" + bound + ")"
		if n.names == nil {
			n.names = names
		}
	}
	return n
}

func itemsOf(pattern string) (items []string) {
	for item := range strings.SplitSeq(pattern, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// conditionOf is that a model is one of some names and prefixes.
func conditionOf(items []string) (condition string, names []string) {
	var either []string
	prefixes := false
	for _, item := range items {
		if prefix, ok := strings.CutSuffix(item, engine.All); ok {
			either, prefixes = append(either, "startsWith(model_id, "+quoted(prefix)+")"), true
		} else {
			names = append(names, item)
		}
	}
	if len(names) > 0 {
		either = append(either, "model_id IN ("+quotedList(names)+")")
	}
	if len(either) == 0 {
		return "0", nil
	}
	if prefixes {
		names = nil
	}
	return strings.Join(either, " OR "), names
}

func quotedList(names []string) string {
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = quoted(name)
	}
	return strings.Join(texts, ", ")
}

// shardsOf returns the shards that a question is about.
func (s *Store) shardsOf(n *named) []*shard {
	if n.names == nil {
		return s.shards.list
	}
	var of []*shard
	for _, x := range s.shards.list {
		for _, name := range n.names {
			if s.shards.of(name) == x {
				of = append(of, x)
				break
			}
		}
	}
	return of
}

// latestTime is a bound in Unix milliseconds that every timestamp is below.
const latestTime = 9_999_999_999_999

// timeIs is that the time of a row is in a half-open span of milliseconds. Of a question about some hundred rows each condition costs 5 %, and a bound that is
// a function 2 %.
func timeIs(from, to int64) string {
	is := "timestamp >= " + quotedTime(max(from, 0))
	if to < latestTime {
		is += " AND timestamp < " + quotedTime(max(to, 0))
	}
	return "(" + is + ")"
}

// quotedTime is a time in Unix milliseconds as a column that has one is compared with.
func quotedTime(ms int64) string { return time.UnixMilli(ms).UTC().Format("'2006-01-02 15:04:05.000'") }
