package dashboard

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// entry is the module that the page begins with.
const entry = "main.js"

var (
	// What a bare module says of others is a line of its own each, so that joining needs no syntax; a test holds them to it.
	importLine = regexp.MustCompile(`(?m)^import\{(.+)\}from "\./(\w+)\.js";$`)
	exportLine = regexp.MustCompile(`(?m)^export `)
)

// join makes one script of modules that are bare: each is a function that is called once, after those that it imports from, and returns what
// others import from it. A browser gets it in one piece, and a name of a module stays its own.
func join(modules map[string][]byte) ([]byte, error) {
	j := joining{modules: modules, state: map[string]progress{}, wanted: map[string]map[string]bool{}}
	if err := j.add(strings.TrimSuffix(entry, ".js")); err != nil {
		return nil, err
	}
	for name := range modules {
		if j.state[strings.TrimSuffix(name, ".js")] != done {
			return nil, fmt.Errorf("nothing imports %s", name)
		}
	}
	var out bytes.Buffer
	for _, name := range j.order {
		text := importLine.ReplaceAllFunc(modules[name+".js"], func(line []byte) []byte {
			m := importLine.FindSubmatch(line)
			return fmt.Appendf(nil, "const{%s}=$%s;", strings.ReplaceAll(string(m[1]), " as ", ":"), m[2])
		})
		text = exportLine.ReplaceAll(text, nil)
		fmt.Fprintf(&out, "const $%s=(()=>{\n%sreturn{%s}})();\n", name, text, strings.Join(slices.Sorted(maps.Keys(j.wanted[name])), ","))
	}
	return out.Bytes(), nil
}

type progress uint8

const (
	_ progress = iota
	begun
	done
)

// joining finds the order of modules. Names are without what they end with.
type joining struct {
	modules map[string][]byte
	order   []string
	state   map[string]progress
	// wanted is what is imported from each.
	wanted map[string]map[string]bool
}

// add adds a module behind those that it needs.
func (j *joining) add(name string) error {
	text, ok := j.modules[name+".js"]
	switch {
	case !ok:
		return fmt.Errorf("there is no %s.js", name)
	case j.state[name] == begun:
		return fmt.Errorf("%s.js imports itself by way of others", name)
	case j.state[name] == done:
		return nil
	}
	j.state[name] = begun
	for _, m := range importLine.FindAllSubmatch(text, -1) {
		if err := j.add(string(m[2])); err != nil {
			return err
		}
		for part := range strings.SplitSeq(string(m[1]), ",") {
			exported, _, _ := strings.Cut(part, " as ")
			if j.wanted[string(m[2])] == nil {
				j.wanted[string(m[2])] = map[string]bool{}
			}
			j.wanted[string(m[2])][exported] = true
		}
	}
	j.state[name] = done
	j.order = append(j.order, name)
	return nil
}
