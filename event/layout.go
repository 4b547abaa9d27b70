package event

import "slices"

// The bounds of what a Decoder learns. Lines with more keys or longer literals
// are left to the general path, and so are most lines once they stop repeating.
const (
	layoutsMax     = 8
	layoutStepsMax = 24
	literalMax     = 128
	missesMax      = 16
	relearnEvery   = 64
)

// layout is how lines of one sender look: the keys in their order, and every
// byte between one value and the next. A line that has those bytes again needs
// no reading of keys; its values are read as on the general path. A layout is
// taken from an accepted line only, so its keys are distinct and none required
// is missing.
type layout struct{ steps []step }

// step is a literal and the column whose value follows it. The last step of a
// layout is what follows the last value.
type step struct {
	words []uint64
	mask  uint64 // of the last word
	size  int
	col   column
	last  bool
}

// span is where one value of a line lies, and the column that it is for.
type span struct {
	start, end int
	col        column
}

// set makes the step one of literal b, which is not empty.
func (s *step) set(b []byte, c column, last bool) {
	s.size, s.col, s.last = len(b), c, last
	s.words = s.words[:0]
	for i := 0; i < len(b); i += 8 {
		s.words = append(s.words, loadTail(b[:min(i+8, len(b))], i))
	}
	s.mask = ^uint64(0) >> (uint(-len(b)) % 8 * 8)
}

// matches tells whether b has the literal at i.
func (s *step) matches(b []byte, i int) bool {
	if len(b)-i < s.size {
		return false
	}
	tail := len(s.words) - 1
	for _, word := range s.words[:tail] {
		if load(b, i) != word {
			return false
		}
		i += 8
	}
	return (load(b, i)^s.words[tail])&s.mask == 0
}

// equal tells whether two steps are the same.
func (s *step) equal(o *step) bool {
	return s.size == o.size && s.col == o.col && s.last == o.last && slices.Equal(s.words, o.words)
}

// layouts are those of the lines before.
type layouts struct {
	known []layout
	// shared[x][y] is the number of steps that x and y have in common at first.
	shared [layoutsMax][layoutsMax]int

	latest int // the one that matched last
	oldest int // the one to give up next

	// misses counts the lines since one had a known layout.
	misses int
}

// worthwhile tells whether to look for a known layout in the next line, and to
// learn that line's. Where no two lines are alike it is seldom so.
func (l *layouts) worthwhile() bool {
	return l.misses < missesMax || l.misses%relearnEvery < 2
}

// find returns a layout that begins with the first k steps of layout x and has
// its step k at i, or -1.
func (l *layouts) find(b []byte, i, x, k int) int {
	for y := range l.known {
		if y != x && l.shared[x][y] >= k && l.known[y].steps[k].matches(b, i) {
			return y
		}
	}
	return -1
}

// learn takes the layout of an accepted line from where its values lie.
func (l *layouts) learn(line []byte, values []span) {
	if len(values) >= layoutStepsMax {
		return
	}
	literal := 0
	for _, v := range values {
		if v.start-literal > literalMax {
			return
		}
		literal = v.end
	}
	if len(line)-literal > literalMax {
		return
	}
	if len(l.known) < layoutsMax {
		l.known = append(l.known, layout{})
		l.latest = len(l.known) - 1
	} else {
		l.latest = l.oldest
		l.oldest = (l.oldest + 1) % layoutsMax
	}
	l.known[l.latest].set(line, values)
	for y := range l.known {
		n := l.known[l.latest].common(&l.known[y])
		l.shared[l.latest][y], l.shared[y][l.latest] = n, n
	}
}

// set makes the layout that of a line.
func (l *layout) set(line []byte, values []span) {
	l.steps = slices.Grow(l.steps[:0], len(values)+1)[:len(values)+1]
	literal := 0
	for k, v := range values {
		l.steps[k].set(line[literal:v.start], v.col, false)
		literal = v.end
	}
	l.steps[len(values)].set(line[literal:], colNone, true)
}

// common returns the number of steps that two layouts have in common at first.
func (l *layout) common(o *layout) int {
	k := 0
	for k < min(len(l.steps), len(o.steps)) && l.steps[k].equal(&o.steps[k]) {
		k++
	}
	return k
}

// readKnown reads one event from a line of a known layout. It returns false if
// the line has none, or is at fault in any way: the general path then says how.
func (d *Decoder) readKnown(line []byte, src *source, rules Rules) bool {
	l := &src.layouts
	if len(l.known) == 0 || !l.worthwhile() {
		return false
	}
	d.row.given = 0
	d.scratch = d.scratch[:0]
	x, i := l.latest, 0
	for k := 0; ; k++ {
		s := &l.known[x].steps[k]
		if !s.matches(line, i) {
			if x = l.find(line, i, x, k); x < 0 {
				return false
			}
			s = &l.known[x].steps[k]
		}
		i += s.size
		if s.last {
			break
		}
		var f fault
		if s.col == colNone {
			i, f = d.check.value(line, i, 1)
		} else {
			i, f = d.readCell(line, i, s.col, src.schema, rules)
		}
		if f != faultNone {
			return false
		}
	}
	l.latest, l.misses = x, 0
	return i == len(line)
}
