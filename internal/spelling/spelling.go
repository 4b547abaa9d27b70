// Package spelling tells what somebody may have meant who wrote a name that is not known.
package spelling

import "strings"

// Nearest returns the first of the words that name looks like, empty if there is none.
func Nearest(name string, words []string) string {
	for _, word := range words {
		if LooksLike(name, word) {
			return word
		}
	}
	return ""
}

// LooksLike tells whether somebody who wrote name may have meant the parameter: it is the same but for case and
// separators or for a slip of the keys, it is some of the words of the parameter or the beginning of them, or it begins
// with all of them.
func LooksLike(name, parameter string) bool {
	const shortest = 3 // what is shorter looks like anything
	name, parameter = spelled(name), spelled(parameter)
	switch {
	case name == parameter:
		return true
	case len(name) < shortest || len(parameter) < shortest:
		return false
	case strings.HasPrefix(parameter, name), strings.HasPrefix(name, parameter+"_"):
		return true
	case strings.Contains("_"+parameter+"_", "_"+name+"_"):
		return true
	}
	slips := 1
	if len(parameter) >= 8 {
		slips = 2
	}
	return distance(name, parameter) <= slips
}

// spelled is a name in small letters with underscores between its words: modelId and Model-ID are model_id.
func spelled(name string) string {
	var b strings.Builder
	small := false
	for _, r := range name {
		switch {
		case r == '-' || r == '.' || r == ' ':
			r = '_'
		case r >= 'A' && r <= 'Z':
			if small {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
			small = false
			b.WriteRune(r)
			continue
		}
		small = r >= 'a' && r <= 'z'
		b.WriteRune(r)
	}
	return b.String()
}

// distance counts the letters to put in, to leave out, to change or to swap with their neighbour that make b of a
// (Damerau and Levenshtein, no letter twice).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
