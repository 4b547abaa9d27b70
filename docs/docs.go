// Package docs is the documentation, in the program.
package docs

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed *.md adr/*.md
var texts embed.FS

// Names are those of the pages, in their order.
func Names() []string {
	names, err := fs.Glob(texts, "*.md")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return names
}

// Text is a page by its name, such as http.md; empty if there is none.
func Text(name string) string {
	text, err := texts.ReadFile(name)
	if err != nil {
		return ""
	}
	return string(text)
}

// Head is the title of a page, and its first sentence.
func Head(name string) (title, about string) {
	first, rest, _ := strings.Cut(Text(name), "\n")
	paragraph, _, _ := strings.Cut(strings.TrimSpace(rest), "\n\n")
	sentence, _, cut := strings.Cut(strings.Join(strings.Fields(paragraph), " "), ". ")
	if cut {
		sentence += "."
	}
	return strings.TrimPrefix(first, "# "), sentence
}
