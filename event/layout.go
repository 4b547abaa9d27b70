package event

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// The bounds of what a Decoder learns. Texts with more values or longer literals
// are left to the general path, and so are most texts once they stop repeating.
const (
	layoutsMax     = 32
	layoutStepsMax = 128
	literalMax     = 128
	distrustMax    = 16
	relearnEvery   = 64
)

// layout is how texts of one sender look: every byte between one value and the
// next. A text that has those bytes again needs no reading of keys; its values
// are read as on the general path. A layout is taken from an accepted text only,
// so its keys are distinct, and none required is missing.
type layout struct{ steps []step }

// step is a literal and the column of the value that follows it. The last step of
// a layout is what follows the last value.
type step struct {
	// The first bytes of the literal, as many as slack allows, lie in words and
	// count as far as the masks say; the others lie in rest.
	words [slack / 8]uint64
	masks [slack / 8]uint64
	rest  []byte

	size int
	col  column
	last bool

	// plain is what the literal stands for, padded to whole words. Only the steps
	// of features have it.
	plain     []byte
	plainSize int
}

// span is where one value of a text lies, and the column that it is for.
type span struct {
	start, end int
	col        column
}

// set makes the step one of literal b, which is not empty.
func (s *step) set(b []byte, c column, last bool) {
	s.size, s.col, s.last = len(b), c, last
	head := min(len(b), 8*len(s.words))
	for j := range s.words {
		n := min(max(head-8*j, 0), 8)
		s.masks[j] = firstBytes(^uint64(0), n)
		s.words[j] = partWord(b[min(8*j, head) : min(8*j, head)+n])
	}
	s.rest = append(s.rest[:0], b[head:]...)
}

// setPlain keeps what the literal b stands for.
func (s *step) setPlain(b []byte) {
	s.plain = unescape(s.plain[:0], b)
	s.plainSize = len(s.plain)
	for len(s.plain)%8 != 0 {
		s.plain = append(s.plain, 0)
	}
}

// matches tells whether b, which has slack, has the literal at i.
func (s *step) matches(b []byte, i int) bool {
	head := (*[slack]byte)(b[i : i+slack])
	diff := (binary.LittleEndian.Uint64(head[0:])^s.words[0])&s.masks[0] |
		(binary.LittleEndian.Uint64(head[8:])^s.words[1])&s.masks[1] |
		(binary.LittleEndian.Uint64(head[16:])^s.words[2])&s.masks[2]
	if diff != 0 || len(b)-i < s.size {
		return false
	}
	return len(s.rest) == 0 || bytes.HasPrefix(b[i+8*len(s.words):], s.rest)
}

// equal tells whether two steps are the same.
func (s *step) equal(o *step) bool {
	return s.size == o.size && s.col == o.col && s.last == o.last && s.words == o.words && bytes.Equal(s.rest, o.rest)
}

// common returns the number of steps that two layouts have in common at first.
func (l *layout) common(o *layout) int {
	k := 0
	for k < min(len(l.steps), len(o.steps)) && l.steps[k].equal(&o.steps[k]) {
		k++
	}
	return k
}

// layouts are those of the texts before.
type layouts struct {
	known []layout
	// shared[x][y] is the number of steps that x and y have in common at first.
	shared [layoutsMax][layoutsMax]uint8

	latest int // the one that matched last
	oldest int // the one to give up next

	// misses counts the texts that had none of the layouts; distrust is the
	// misses in excess of the hits, between 0 and distrustMax.
	misses, distrust int
}

// worthTrying tells whether to look for a known layout in the next text: where
// few texts are alike it seldom is.
func (l *layouts) worthTrying() bool {
	return len(l.known) > 0 && (l.distrust < distrustMax || l.misses%relearnEvery == 1)
}

// worthLearning tells whether to learn a text that had no known layout.
func (l *layouts) worthLearning() bool {
	return len(l.known) < layoutsMax || l.misses%relearnEvery == 0
}

// hit notes that a text had layout x.
func (l *layouts) hit(x int) {
	l.latest = x
	if l.distrust > 0 {
		l.distrust--
	}
}

// miss notes that a text had none.
func (l *layouts) miss() {
	l.misses++
	if l.distrust < distrustMax {
		l.distrust++
	}
}

// find returns a layout that begins with the first k steps of layout x and has
// its step k at i, or -1.
func (l *layouts) find(b []byte, i, x, k int) int {
	for y := range l.known {
		if y != x && int(l.shared[x][y]) >= k && l.known[y].steps[k].matches(b, i) {
			return y
		}
	}
	return -1
}

// learn takes, from where the values of an accepted text lie, its layout, and
// returns it for the caller to complete; or nil if it is beyond the bounds.
func (l *layouts) learn(text []byte, values []span) *layout {
	literal := 0
	for _, v := range values {
		if n := v.start - literal; n == 0 || n > literalMax {
			return nil
		}
		literal = v.end
	}
	if n := len(text) - literal; n == 0 || n > literalMax || len(values) >= layoutStepsMax {
		return nil
	}
	if len(l.known) < layoutsMax {
		l.known = append(l.known, layout{})
		l.latest = len(l.known) - 1
	} else {
		l.latest = l.oldest
		l.oldest = (l.oldest + 1) % layoutsMax
	}
	learned := &l.known[l.latest]
	learned.set(text, values)
	for y := range l.known {
		n := uint8(learned.common(&l.known[y])) // at most layoutStepsMax
		l.shared[l.latest][y], l.shared[y][l.latest] = n, n
	}
	return learned
}

// learnPlain is learn for a text inside a JSON string, whose values are counted
// from an index before it.
func (l *layouts) learnPlain(text []byte, values []span, start int) {
	for k := range values {
		values[k].start -= start
		values[k].end -= start
	}
	learned := l.learn(text, values)
	if learned == nil {
		return
	}
	literal := 0
	for k, v := range values {
		learned.steps[k].setPlain(text[literal:v.start])
		literal = v.end
	}
	learned.steps[len(values)].setPlain(text[literal:])
}

// set makes the layout that of a text.
func (l *layout) set(text []byte, values []span) {
	l.steps = slices.Grow(l.steps[:0], len(values)+1)[:len(values)+1]
	literal := 0
	for k, v := range values {
		l.steps[k].set(text[literal:v.start], v.col, false)
		literal = v.end
	}
	l.steps[len(values)].set(text[literal:], colNone, true)
}
