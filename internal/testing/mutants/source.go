package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// module is the path that imports of this module's packages begin with.
const module = "github.com/residualdb/residual/"

// word is one token of Go, as pieces are compared by: neither comments, layout, the case of an identifier's first letter nor
// the name of this module's package before it count. So a piece is found where its function went to another file or package.
type word struct {
	tok  token.Token
	text string // as written, with the package's name
	// folded is what is compared: the text, the first letter of an identifier in lower case.
	folded     string
	selected   bool // behind a dot that belongs to no package's name
	start, end int
}

// file is one source file of a room.
type file struct {
	path    string // from the root of the module, with slashes
	source  string
	imports map[string]bool // names of this module's packages that it imports
	words   []word
	// functions holds, by folded name, where functions and methods begin and end.
	functions map[string][][2]int
}

// readFiles reads the Go files of a folder and of those below it, without tests.
func readFiles(root, folder string) ([]file, error) {
	var files []file
	err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(folder)), func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		f, err := readFile(root, name)
		files = append(files, f)
		return err
	})
	return files, err
}

func readFile(root, name string) (file, error) {
	source, err := os.ReadFile(name)
	if err != nil {
		return file{}, err
	}
	relative, err := filepath.Rel(root, name)
	if err != nil {
		return file{}, err
	}
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, source, parser.SkipObjectResolution)
	if err != nil {
		return file{}, err
	}
	f := file{
		path: filepath.ToSlash(relative), source: string(source),
		imports: make(map[string]bool), functions: make(map[string][][2]int),
	}
	for _, i := range tree.Imports {
		imported := strings.Trim(i.Path.Value, `"`)
		switch {
		case !strings.HasPrefix(imported, module):
		case i.Name != nil:
			f.imports[i.Name.Name] = true
		default:
			f.imports[path.Base(imported)] = true
		}
	}
	for _, d := range tree.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			key := fold(fn.Name.Name)
			f.functions[key] = append(f.functions[key], [2]int{set.Position(fn.Pos()).Offset, set.Position(fn.End()).Offset})
		}
	}
	f.words = split(f.source, f.imports)
	return f, nil
}

// split returns the words of source, where names of packages are those of imports.
func split(source string, imports map[string]bool) []word {
	var (
		words []word
		s     scanner.Scanner
		set   = token.NewFileSet()
		at    = set.AddFile("", set.Base(), len(source))
	)
	s.Init(at, []byte(source), func(token.Position, string) {}, 0)
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			return words
		}
		if tok == token.SEMICOLON && text == "\n" {
			continue
		}
		if text == "" {
			text = tok.String()
		}
		w := word{tok: tok, text: text, folded: text, start: at.Offset(pos), end: at.Offset(pos) + len(text)}
		if tok == token.IDENT {
			w.folded = fold(text)
			n := len(words)
			switch {
			case n == 0 || words[n-1].tok != token.PERIOD:
			case n > 1 && words[n-2].tok == token.IDENT && !words[n-2].selected && imports[words[n-2].text]:
				w.start = words[n-2].start
				w.text = source[w.start:w.end]
				words = words[:n-2]
			default:
				w.selected = true
			}
		}
		words = append(words, w)
	}
}

func fold(identifier string) string {
	first, size := utf8.DecodeRuneInString(identifier)
	return string(unicode.ToLower(first)) + identifier[size:]
}

// find returns where in the words of f the words of a piece begin, inside of functions of that name unless it is empty.
func (f *file) find(piece []word, function string) []int {
	var at []int
	for i := 0; i+len(piece) <= len(f.words); i++ {
		if equal(f.words[i:i+len(piece)], piece) && f.inside(f.words[i].start, function) {
			at = append(at, i)
		}
	}
	return at
}

func equal(a, b []word) bool {
	for i := range b {
		if a[i].tok != b[i].tok || a[i].folded != b[i].folded {
			return false
		}
	}
	return true
}

func (f *file) inside(offset int, function string) bool {
	if function == "" {
		return true
	}
	for _, span := range f.functions[fold(function)] {
		if span[0] <= offset && offset < span[1] {
			return true
		}
	}
	return false
}

// apply returns the one file of files that holds the piece, with the piece changed.
func (m mutant) apply(files []file) (file, error) {
	var (
		found   int
		changed file
	)
	for i := range files {
		f := &files[i]
		piece := split(m.old, f.imports)
		for _, at := range f.find(piece, m.function) {
			found++
			changed = *f
			there := f.words[at : at+len(piece)]
			changed.source = f.source[:there[0].start] + f.spell(m.fresh, piece, there) + f.source[there[len(there)-1].end:]
		}
	}
	switch {
	case found != 1:
		return file{}, fmt.Errorf("%s: its piece stands %d times in %s, once is needed", m.name, found, m.where())
	case m.fresh == m.old:
		return file{}, fmt.Errorf("%s: it changes nothing", m.name)
	}
	return changed, nil
}

// spell returns a text with its identifiers as f spells them: those of the piece as there, where f has it, and others as f
// does elsewhere, if that is one way alone.
func (f *file) spell(text string, piece, there []word) string {
	type key struct {
		text     string
		selected bool
	}
	known, elsewhere := make(map[key]string), make(map[key]string)
	for _, w := range f.words {
		k := key{w.folded, w.selected}
		if have, ok := elsewhere[k]; ok && have != w.text {
			elsewhere[k] = "" // two ways
		} else {
			elsewhere[k] = w.text
		}
		known[key{w.text, w.selected}] = w.text
	}
	for i, w := range piece {
		known[key{w.text, w.selected}] = there[i].text
	}
	var out strings.Builder
	last, words := 0, split(text, f.imports)
	for i, w := range words {
		if w.tok != token.IDENT {
			continue
		}
		as := known[key{w.text, w.selected}]
		if as == "" && (i+1 == len(words) || words[i+1].tok != token.COLON) { // not the key of a literal
			as = elsewhere[key{w.folded, w.selected}]
		}
		if as == "" {
			as = w.text
		}
		out.WriteString(text[last:w.start])
		out.WriteString(as)
		last = w.end
	}
	out.WriteString(text[last:])
	return out.String()
}
