package project

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/residualdb/residual/internal/spelling"
)

// fileBytesMax bounds a file: those that people write are a hundredth of it.
const fileBytesMax = 1 << 20

// file is a file by its syntax: commands in the order in which they stand.
type file struct {
	name     string
	source   []string
	commands []command
	problems Problems
}

// command is one command of a file.
type command struct {
	// name is in capitals.
	name string
	at   place
	// value is what stands behind the name, without quotes; valueAt is where it begins.
	value   string
	valueAt place
	// block is the indented lines behind a ">", of which blockLine is the number of the first; hasBlock tells that there is one.
	block     []string
	blockLine int
	hasBlock  bool
}

// place is a place in a file: line and column from 1.
type place struct{ line, column int }

// vocabulary is what the commands of a kind of file are called. A name that ends with "*" stands for all that begin with it.
type vocabulary struct {
	// kind is what the files are called, as in "a .datasource file".
	kind string
	// values take a value, blocks a block. Those of repeated may stand more than once.
	values, blocks, repeated []string
}

// knows tells whether a name is one of a list.
func knows(list []string, name string) bool {
	return slices.ContainsFunc(list, func(known string) bool {
		prefix, ok := strings.CutSuffix(known, "*")
		return known == name || ok && strings.HasPrefix(name, prefix) && len(name) > len(prefix)
	})
}

func (v *vocabulary) knows(name string) bool { return knows(v.values, name) || knows(v.blocks, name) }

// parse reads the syntax of a file: "COMMAND value", "COMMAND "value"", or "COMMAND >" with a block that goes on to the next known
// command at the beginning of a line. Case does not matter, and lines that begin with # are comments outside of blocks.
func parse(name, text string, v *vocabulary) *file {
	f := &file{name: name}
	if len(text) > fileBytesMax {
		f.fail(place{}, "", "the file has %d bytes; %d are allowed", len(text), fileBytesMax)
		return f
	}
	if !utf8.ValidString(text) {
		f.fail(place{}, "save it as UTF-8", "the file is not UTF-8")
		return f
	}
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\uFEFF"), "\r\n", "\n")
	f.source = strings.Split(text, "\n")
	var block *command // the one whose block is being read
	for i, line := range f.source {
		indented := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
		word, _, _ := strings.Cut(strings.ReplaceAll(strings.TrimSpace(line), "\t", " "), " ")
		name := strings.ToUpper(word)
		if block != nil && (indented || !v.knows(name) && !v.isMeant(word)) {
			block.block = append(block.block, line)
			continue
		}
		block = nil
		if word == "" || word[0] == '#' {
			continue
		}
		before, rest, _ := strings.Cut(line, word)
		at := place{i + 1, 1 + utf8.RuneCountInString(before)}
		if !v.knows(name) {
			f.fail(at, v.advice(name), "%s is no command of a %s file", shown(word), v.kind)
			continue
		}
		c := command{name: name, at: at, blockLine: i + 2}
		c.value = strings.TrimSpace(rest)
		blanks, _, _ := strings.Cut(rest, c.value)
		c.valueAt = place{at.line, at.column + utf8.RuneCountInString(word+blanks)}
		if c.value == ">" {
			c.hasBlock, c.value = true, ""
		}
		f.unquote(&c)
		f.check(&c, v)
		f.commands = append(f.commands, c)
		if c.hasBlock {
			block = &f.commands[len(f.commands)-1]
		}
	}
	return f
}

// unquote takes the quotes off a value that is in quotes as a whole.
func (f *file) unquote(c *command) {
	if c.value == "" || c.value[0] != '"' && c.value[0] != '\'' {
		return
	}
	switch end := strings.IndexByte(c.value[1:], c.value[0]); {
	case end < 0:
		f.fail(c.valueAt, "end the value with the quote that it begins with", "the quote of %s is not closed", c.name)
		return
	case end+2 < len(c.value): // a part of it is in quotes
		return
	}
	c.value = c.value[1 : len(c.value)-1]
	c.valueAt.column++
}

// check holds a command to what its name takes.
func (f *file) check(c *command, v *vocabulary) {
	takesBlock, takesValue := knows(v.blocks, c.name), knows(v.values, c.name)
	switch {
	case c.hasBlock && !takesBlock:
		f.fail(c.at, fmt.Sprintf("write %s and its value on one line", c.name), "%s takes no block", c.name)
	case !c.hasBlock && !takesValue:
		f.fail(c.at, fmt.Sprintf("write %s > and the block on indented lines below it", c.name), "%s takes a block", c.name)
	case !c.hasBlock && c.value == "":
		f.fail(c.at, "", "%s has no value", c.name)
	}
	if i := slices.IndexFunc(f.commands, func(o command) bool { return o.name == c.name }); i >= 0 && !knows(v.repeated, c.name) {
		f.fail(c.at, "", "%s stands in line %d already", c.name, f.commands[i].at.line)
	}
}

// isMeant tells whether a word at the beginning of a line is a command that is misspelt, and no text of a block: it is in capitals, and near
// to one.
func (v *vocabulary) isMeant(word string) bool {
	if len(word) < 3 || strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return false
	}
	prefix, _, ok := strings.Cut(word, "_")
	return strings.HasPrefix(v.advice(word), "did you mean") || ok && slices.ContainsFunc(v.values, func(known string) bool { return strings.HasPrefix(known, prefix+"_") })
}

// advice suggests a command for one that is not known.
func (v *vocabulary) advice(name string) string {
	var all []string
	for _, known := range slices.Concat(v.values, v.blocks) {
		if !strings.HasSuffix(known, "*") {
			all = append(all, known)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if near := spelling.Nearest(name, all); near != "" {
		return "did you mean " + near + "?"
	}
	return "the commands are " + strings.Join(all, ", ")
}

// find returns the command of a name; nil if the file has none.
func (f *file) find(name string) *command {
	i := slices.IndexFunc(f.commands, func(c command) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return &f.commands[i]
}

// text returns the value of a command, or its block as one text without the indentation.
func (c *command) text() string {
	if !c.hasBlock {
		return c.value
	}
	indent := -1
	for _, line := range c.block {
		if trimmed := strings.TrimLeft(line, " \t"); trimmed != "" && (indent < 0 || len(line)-len(trimmed) < indent) {
			indent = len(line) - len(trimmed)
		}
	}
	lines := make([]string, len(c.block))
	for i, line := range c.block {
		lines[i] = strings.TrimRight(line[min(max(indent, 0), len(line)):], " \t")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// fail notes that something is wrong; the zero place is the file as a whole.
func (f *file) fail(at place, advice, format string, args ...any) {
	f.problems = append(f.problems, Problem{
		File: f.name, Line: at.line, Column: at.column, Text: fmt.Sprintf(format, args...), Advice: advice, source: f.source,
	})
}

// warn notes what the file says without effect.
func (f *file) warn(at place, advice, format string, args ...any) {
	f.fail(at, advice, format, args...)
	f.problems[len(f.problems)-1].Warning = true
}

// shownMax is how much of a text that somebody wrote stands in a problem.
const shownMax = 60

// shown is a text that somebody wrote, for a problem.
func shown(text string) string {
	if utf8.RuneCountInString(text) > shownMax {
		text = string([]rune(text)[:shownMax]) + "…"
	}
	return fmt.Sprintf("%q", text)
}
