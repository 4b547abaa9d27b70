package rowfile

import (
	"errors"
	"strings"

	"github.com/residualdb/residual/internal/jsontext"
	"github.com/residualdb/residual/internal/parquet"
)

// document writes the parts of one row's column as JSON. The leaves say by their levels how deep a value is there and where lists
// begin and go on.
type document struct {
	leaves []*parquet.Column
	json   []byte
	// next is the leaf that comes next.
	next int
}

var errLevels = errors.New("its levels are broken")

// documentBytesMax bounds a document, which is more than any row may have: what is beyond is read and not written.
const documentBytesMax = RecordBytesMax

func (d *document) add(text string) {
	if len(d.json) <= documentBytesMax {
		d.json = append(d.json, text...)
	}
}

// node writes the value of a node, which is null where the levels end above it. All leaves below it are read up to where the value
// ends.
func (d *document) node(n *parquet.Node) error {
	if n.Repeated {
		return d.items(n, func() error { return d.value(n) })
	}
	there, err := d.there(n)
	if err != nil || !there {
		return err
	}
	return d.value(n)
}

// there tells whether an optional node has a value; of one that has none it writes null.
func (d *document) there(n *parquet.Node) (bool, error) {
	if !n.Optional {
		return true, nil
	}
	level, err := d.peek()
	if err != nil || level.Definition >= n.Definition {
		return err == nil, err
	}
	d.add("null")
	return false, d.pass(n)
}

// peek returns the levels that come next.
func (d *document) peek() (parquet.Level, error) {
	level, ended, err := d.leaves[d.next].Peek()
	if err == nil && ended {
		err = errLevels
	}
	return level, err
}

// pass reads one level of each leaf below a node.
func (d *document) pass(n *parquet.Node) error {
	for range n.Leaves {
		if _, null, err := d.leaves[d.next].Read(); err != nil || !null {
			return errors.Join(err, onlyIf(!null, errLevels))
		}
		d.next++
	}
	return nil
}

func onlyIf(is bool, err error) error {
	if is {
		return err
	}
	return nil
}

// value writes a value that is there.
func (d *document) value(n *parquet.Node) error {
	switch {
	case n.Leaf():
		v, null, err := d.leaves[d.next].Read()
		if err != nil || null {
			return errors.Join(err, onlyIf(null, errLevels))
		}
		d.next++
		if len(d.json) <= documentBytesMax {
			d.json = appendPart(d.json, n, v)
		}
		return nil
	case n.Meaning == parquet.List && len(n.Children) == 1 && n.Children[0].Repeated:
		repeated := n.Children[0]
		return d.items(repeated, func() error {
			if isElement(repeated, n) {
				return d.value(repeated)
			}
			return d.node(repeated.Children[0])
		})
	case n.Meaning == parquet.Map && len(n.Children) == 1 && n.Children[0].Repeated && len(n.Children[0].Children) == 2 && n.Children[0].Children[0].Leaf():
		return d.entries(n.Children[0])
	}
	d.add("{")
	for i, child := range n.Children {
		if i > 0 {
			d.add(",")
		}
		d.add(string(jsontext.AppendString(nil, child.Name)))
		d.add(":")
		if err := d.node(child); err != nil {
			return err
		}
	}
	d.add("}")
	return nil
}

// isElement tells whether what is repeated in a list is its elements, and not a struct around each, as newer writers have it.
func isElement(repeated, list *parquet.Node) bool {
	return len(repeated.Children) != 1 || repeated.Name == "array" || repeated.Name == list.Name+"_tuple"
}

// items writes what is repeated as an array.
func (d *document) items(repeated *parquet.Node, item func() error) error {
	return d.each(repeated, "[", "]", item)
}

// each writes what is repeated, each by item, which reads the leaves of one.
func (d *document) each(repeated *parquet.Node, open, closing string, item func() error) error {
	first := d.next
	level, err := d.peek()
	if err != nil {
		return err
	}
	d.add(open)
	if level.Definition < repeated.Definition {
		d.add(closing)
		return d.pass(repeated)
	}
	for n := 0; ; n++ {
		if n > 0 {
			d.add(",")
		}
		d.next = first
		if err := item(); err != nil {
			return err
		}
		level, ended, err := d.leaves[first].Peek()
		if err != nil {
			return err
		}
		if ended || level.Repetition < repeated.Repetition {
			d.add(closing)
			return nil
		}
	}
}

// entries writes a map as an object. A key that is no text is one as it is written.
func (d *document) entries(entry *parquet.Node) error {
	return d.each(entry, "{", "}", func() error {
		key := entry.Children[0]
		v, null, err := d.leaves[d.next].Read()
		if err != nil || null {
			return errors.Join(err, onlyIf(null, errLevels))
		}
		d.next++
		name := string(appendPart(nil, key, v))
		if !strings.HasPrefix(name, `"`) {
			name = string(jsontext.AppendString(nil, name))
		}
		d.add(name)
		d.add(":")
		return d.node(entry.Children[1])
	})
}
