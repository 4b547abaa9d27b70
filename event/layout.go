package event

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// The bounds of what a Decoder learns. Texts with more values or longer literals are left to the general path, and so
// are most texts once they stop repeating.
const (
	layoutsMax     = 32
	layoutStepsMax = 128
	literalMax     = 128
	distrustMax    = 16
	relearnEvery   = 64
)

// layout is how texts of one sender look: every byte between one value and the next. A text that has those bytes again
// needs no reading of keys; its values are read as on the general path. A layout is taken from an accepted text only,
// so its keys are distinct, and none required is missing.
//
// Of the processor time of a server that loads rows of `residual generate`, known layouts of lines save 15 %, and known
// layouts of features 16 %; with the keys of every line in another order those of lines save nothing, those of features
// 15 %.
type layout struct{ steps []step }

// step is a literal and the column of the value that follows it. The last step of a layout is what follows the last
// value.
type step struct {
	// The first bytes of the literal, as many as slack allows, lie in words and count as far as the masks say; the
	// others lie in rest.
	words [slack / 8]uint64
	masks [slack / 8]uint64
	rest  []byte

	size int
	col  column
	last bool

	// plain is what the literal stands for, padded to whole words. Only the steps of features have it.
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

// setPlain keeps the text that the literal stands for.
func (s *step) setPlain(text []byte) {
	s.plain = append(s.plain[:0], text...)
	s.plainSize = len(s.plain)
	for len(s.plain)%8 != 0 {
		s.plain = append(s.plain, 0)
	}
}

// matches tells whether b, which has slack, has the literal at i. The loops over steps have it written out, for begins
// to be inlined.
func (s *step) matches(b []byte, i int) bool {
	return s.begins(b, i) && (len(s.rest) == 0 || s.restMatches(b, i))
}

// begins tells whether b is as long as the literal at i and has the first bytes of it there.
func (s *step) begins(b []byte, i int) bool {
	head := b[i : i+slack]
	diff := (binary.LittleEndian.Uint64(head)^s.words[0])&s.masks[0] |
		(binary.LittleEndian.Uint64(head[8:])^s.words[1])&s.masks[1] |
		(binary.LittleEndian.Uint64(head[16:])^s.words[2])&s.masks[2]
	return diff == 0 && len(b)-i >= s.size
}

// restMatches tells whether b has the literal at i, given that it begins there.
func (s *step) restMatches(b []byte, i int) bool {
	return bytes.HasPrefix(b[i+8*len(s.words):], s.rest)
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

	spare layout // the one being learned

	latest int // the one that matched last
	oldest int // the one to give up next

	// misses counts the texts that had none of the layouts; distrust is the misses in excess of the hits, between 0 and
	// distrustMax.
	misses, distrust int
}

// worthTrying tells whether to look for a known layout in the next text: where few texts are alike it seldom is.
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

// find returns a layout that begins with the first k steps of layout x and has its step k at i, or -1.
func (l *layouts) find(b []byte, i, x, k int) int {
	for y := range l.known {
		if y != x && int(l.shared[x][y]) >= k && l.known[y].steps[k].matches(b, i) {
			return y
		}
	}
	return -1
}

// learn takes the layout of an accepted text that was not tried or had none of the layouts known, from where its values
// lie. inString says that texts of the layout lie inside JSON strings, but text is what its string stands for.
func (l *layouts) learn(text []byte, values []span, inString bool) {
	if !l.spare.set(text, values, inString) {
		l.miss()
		return
	}
	var shared [layoutsMax]uint8
	for y := range l.known {
		o := &l.known[y]
		n := l.spare.common(o)
		if n == len(l.spare.steps) && n == len(o.steps) {
			l.hit(y)
			return
		}
		shared[y] = uint8(n) // at most layoutStepsMax
	}
	l.miss()
	x := len(l.known)
	if x < layoutsMax {
		l.known = append(l.known, layout{})
	} else {
		x = l.oldest
		l.oldest = (l.oldest + 1) % layoutsMax
	}
	l.known[x], l.spare = l.spare, l.known[x]
	l.latest = x
	for y := range l.known {
		l.shared[x][y], l.shared[y][x] = shared[y], shared[y]
	}
}

// set makes the layout that of a text, and returns false if it is out of bounds.
func (l *layout) set(text []byte, values []span, inString bool) bool {
	if len(values) >= layoutStepsMax {
		return false
	}
	l.steps = slices.Grow(l.steps[:0], len(values)+1)[:len(values)+1]
	start := 0
	for k := range l.steps {
		end, next, c := len(text), len(text), colNone
		if k < len(values) {
			end, next, c = values[k].start, values[k].end, values[k].col
		}
		literal := text[start:end]
		if len(literal) == 0 || len(literal) > literalMax {
			return false
		}
		s := &l.steps[k]
		if inString {
			s.setPlain(literal)
			var quoted [2 * literalMax]byte
			var ok bool
			if literal, ok = appendQuoted(quoted[:0], literal); !ok || len(literal) > literalMax {
				return false
			}
		}
		s.set(literal, c, k == len(values))
		start = next
	}
	return true
}

// appendQuoted appends a JSON text as senders write it inside a JSON string. It returns false for one with a control
// character, of which a string cannot have the byte itself.
func appendQuoted(dst, text []byte) (quoted []byte, ok bool) {
	for _, c := range text {
		if c < 0x20 {
			return dst, false
		}
		if c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return dst, true
}
