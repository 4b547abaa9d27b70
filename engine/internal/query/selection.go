package query

import (
	"slices"
	"strings"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
)

// All is the parameter value that stands for every model, version or environment.
const All = "*"

// Pattern is what a query gives for a model, a version or an environment: a name, All, or a list of names and prefixes
// with commas between them, a prefix ending with a star. A name that is literally the whole text goes before what the
// text stands for: names may have commas and stars too.
type Pattern struct {
	text string
	// exact is set for a name that stands for nothing but itself.
	exact bool
	// listed is set for a list and for a prefix. The fields below are empty for others.
	listed bool
	// names are sorted, and so are prefixes, of which none begins with another.
	names, prefixes []string
}

// PatternOf reads a pattern.
func PatternOf(text string) Pattern {
	p := Pattern{text: text}
	if p.listed = text != All && (strings.Contains(text, ",") || strings.HasSuffix(text, All)); !p.listed {
		return p
	}
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if prefix, ok := strings.CutSuffix(item, All); ok {
			p.prefixes = append(p.prefixes, prefix)
		} else if item != "" { // nothing has an empty name
			p.names = append(p.names, item)
		}
	}
	slices.Sort(p.names)
	p.names = slices.Compact(p.names)
	slices.Sort(p.prefixes)
	kept := p.prefixes[:0]
	for _, prefix := range p.prefixes {
		if len(kept) == 0 || !strings.HasPrefix(prefix, kept[len(kept)-1]) {
			kept = append(kept, prefix)
		}
	}
	p.prefixes = kept
	return p
}

// all tells whether every name matches.
func (p *Pattern) all() bool { return p.text == All && !p.exact }

// plain tells whether at most one name matches.
func (p *Pattern) plain() bool { return !p.listed && !p.all() }

// Matches tells whether a name is one of those that the pattern stands for. That none of the prefixes begins with
// another makes the last one that is not greater than the name the only one that may begin it.
func (p *Pattern) Matches(name string) bool {
	if !p.listed {
		return p.all() || p.text == name
	}
	if _, ok := slices.BinarySearch(p.names, name); ok {
		return true
	}
	i, ok := slices.BinarySearch(p.prefixes, name)
	return ok || i > 0 && strings.HasPrefix(name, p.prefixes[i-1])
}

// take removes a name from those that are listed, and tells whether it was there.
func (p *Pattern) take(name string) bool {
	i, ok := slices.BinarySearch(p.names, name)
	if ok {
		p.names = slices.Delete(p.names, i, i+1)
	}
	return ok
}

// Selection is whose rows a query is about.
type Selection struct {
	Model, version, environment Pattern
	// within is the bound of who asks: a model that it does not match is as if it did not exist. Unlike Model it is never
	// literally a name that has a comma, or a star at its end.
	within Pattern
	// latest adds, in each environment, the version that latest means there.
	latest bool
}

// SelectionOf reads the names of a query, which have their defaults.
func SelectionOf(model, version, environment string) Selection {
	sel := Selection{Model: PatternOf(model), within: Pattern{text: All}, version: PatternOf(version), environment: PatternOf(environment)}
	if version == catalog.LatestVersion {
		sel.version, sel.latest = Pattern{}, true // which no version matches
	} else {
		sel.latest = sel.version.take(catalog.LatestVersion)
	}
	return sel
}

// Within returns the selection bounded to the models that a pattern matches, of all if it is empty.
func (sel Selection) Within(models string) Selection {
	if models != "" {
		sel.within = PatternOf(models)
	}
	return sel
}

// Exactly returns the selection with the names of some columns taken for nothing but themselves.
func (sel Selection) Exactly(literal Across) Selection {
	for i, p := range [...]*Pattern{&sel.Model, &sel.version, &sel.environment} {
		if literal&(1<<i) == 0 {
			continue
		}
		text := p.text
		if i == 1 && sel.latest && text == "" {
			text = catalog.LatestVersion
		}
		if *p = (Pattern{text: text, exact: true}); i == 1 {
			sel.latest = false
		}
	}
	return sel
}

// Versions selects all versions of one model in one environment, by their very names.
func Versions(model, environment string) Selection {
	return Selection{
		Model: Pattern{text: model, exact: true}, within: Pattern{text: All},
		version: Pattern{text: All}, environment: Pattern{text: environment, exact: true},
	}
}

// EveryVersion returns the selection with all versions.
func (sel Selection) EveryVersion() Selection {
	sel.version, sel.latest = Pattern{text: All}, false
	return sel
}

// EveryEnvironment returns the selection with all environments.
func (sel Selection) EveryEnvironment() Selection {
	sel.environment = Pattern{text: All}
	return sel
}

// OfModel returns the selection with one model, by its very name.
func (sel Selection) OfModel(name string) Selection {
	sel.Model = Pattern{text: name, exact: true}
	return sel
}

// In returns the selection as it is in a model, where a version or an environment may literally have a pattern's text
// for its name. The model is locked.
func (sel *Selection) In(m *catalog.Model) *Selection {
	if !sel.version.listed && !sel.environment.listed {
		return sel
	}
	found := *sel
	for i := range m.Series {
		if s := &m.Series[i]; s.First < base.MaxMilli {
			found.version.listed = found.version.listed && s.Version != found.version.text
			found.environment.listed = found.environment.listed && s.Environment != found.environment.text
		}
	}
	found.latest = found.latest && (found.version.listed || found.version.text == "")
	return &found
}

// AppendSeries appends the numbers of the series of a model that sel, as it is there, names, but for those that are there for being
// the latest.
func (sel *Selection) AppendSeries(dst []uint32, m *catalog.Model) []uint32 {
	if sel.version.plain() && sel.environment.plain() {
		if n, ok := m.Numbers.Get(catalog.SeriesName{Version: sel.version.text, Environment: sel.environment.text}); ok {
			dst = append(dst, n)
		}
		return dst
	}
	if sel.version.text == "" {
		return dst
	}
	for i := range m.Series {
		s := &m.Series[i]
		if sel.version.Matches(s.Version) && sel.environment.Matches(s.Environment) {
			dst = append(dst, uint32(i))
		}
	}
	return dst
}

// EachLatest calls do for each environment of a model to which sel, as it is there, adds the latest version, until do returns false.
// It tells whether none did.
func (sel *Selection) EachLatest(m *catalog.Model, do func(environment string) bool) bool {
	if !sel.latest {
		return true
	}
	if sel.environment.plain() {
		return do(sel.environment.text)
	}
	for environment := range m.Latest.All() {
		if sel.environment.Matches(environment) && !do(environment) {
			return false
		}
	}
	return true
}

// BySight tells whether series without rows in the windows have no say in which others are selected: latest does not look at them, and no
// text could be a name of one.
func (sel *Selection) BySight() bool {
	return !sel.latest && !sel.Model.listed && !sel.version.listed && !sel.environment.listed
}

// Names returns the version and the environment that all series have that sel is about, each "" where it may be about several.
func (sel *Selection) Names() (version, environment string) {
	if sel.version.plain() {
		version = sel.version.text
	}
	if sel.environment.plain() {
		environment = sel.environment.text
	}
	return version, environment
}

// Named tells whether sel, as it is in a model, names a version, which need not be the latest then.
func (sel *Selection) Named(version string) bool { return sel.version.Matches(version) }

// HasModel tells whether the selection is about a model of this name, where its own name is not literally another's.
func (sel *Selection) HasModel(name string) bool {
	return sel.Model.Matches(name) && sel.within.Matches(name)
}
