package project

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is something wrong with a file.
type Problem struct {
	// File is the file's name in the project.
	File string
	// Line and Column are the place, from 1; Column counts characters. Line is 0 where the problem is the file as a whole.
	Line, Column int
	// Text says what is wrong, Advice what to do about it; Advice may be empty.
	Text, Advice string
	// Warning is set for what does not keep the project from being used.
	Warning bool
	// source is the text of the file, for the lines that are shown.
	source []string
}

// String returns the problem as people read it: place and text, the lines around the place with a caret below it, the advice.
func (p *Problem) String() string {
	var b strings.Builder
	kind := "error"
	if p.Warning {
		kind = "warning"
	}
	if p.Line == 0 {
		fmt.Fprintf(&b, "%s: %s: %s\n", p.File, kind, p.Text)
	} else {
		fmt.Fprintf(&b, "%s:%d:%d: %s: %s\n", p.File, p.Line, p.Column, kind, p.Text)
		for n := max(p.Line-1, 1); n <= min(p.Line+1, len(p.source)); n++ {
			line := strings.ReplaceAll(p.source[n-1], "\t", " ")
			fmt.Fprintf(&b, "  %4d | %s\n", n, line)
			if n == p.Line {
				fmt.Fprintf(&b, "       | %s^\n", strings.Repeat(" ", p.Column-1))
			}
		}
	}
	if p.Advice != "" {
		fmt.Fprintf(&b, "  %s\n", p.Advice)
	}
	return b.String()
}

// Problems are all that is wrong with a project, in the order of files and places.
type Problems []Problem

// String returns all of them as people read them.
func (ps Problems) String() string {
	var b strings.Builder
	for i := range ps {
		b.WriteString(ps[i].String())
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Errors returns how many are no warnings.
func (ps Problems) Errors() (n int) {
	for i := range ps {
		if !ps[i].Warning {
			n++
		}
	}
	return n
}

// sort puts the problems in the order of files and places.
func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
