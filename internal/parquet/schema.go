package parquet

import "fmt"

// Type is how values of a leaf are stored.
type Type int32

// The types.
const (
	Boolean Type = iota
	Int32
	Int64
	Int96
	Float
	Double
	ByteArray
	FixedLenByteArray
)

var typeNames = [...]string{"BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"}

// String returns the name that the format has for it.
func (t Type) String() string { return nameOf(typeNames[:], int(t)) }

func nameOf(names []string, i int) string {
	if i < 0 || i >= len(names) {
		return fmt.Sprintf("unknown %d", i)
	}
	return names[i]
}

// Meaning is what stored values stand for.
type Meaning uint8

// The meanings. None is what a type is by itself.
const (
	None Meaning = iota
	Text
	List
	Map
	Decimal
	Date
	TimeOfDay
	TimestampMillis
	TimestampMicros
	TimestampNanos
	Unsigned
	UUID
	Float16
	Variant
	Opaque // that is stored in a form of its own
)

// Node is a column, or a part of one.
type Node struct {
	Name     string
	Children []*Node
	Meaning  Meaning
	// Scale is that of a Decimal.
	Scale int32
	// Optional and Repeated tell how often a value may be there: once if neither is set.
	Optional, Repeated bool
	// Definition and Repetition are the levels at which the value is there, and is repeated.
	Definition, Repetition int

	// Of a leaf, which has no children:
	Type  Type
	Width int // bytes of a FixedLenByteArray
	// order is its place among all leaves.
	order int
	// path is its name with those above it.
	path string
}

// Leaf reports whether the node holds values.
func (n *Node) Leaf() bool { return n.Children == nil }

// Leaves yields the leaves of a node, in order.
func (n *Node) Leaves(yield func(*Node) bool) { n.leaves(yield) }

func (n *Node) leaves(yield func(*Node) bool) bool {
	if n.Leaf() {
		return yield(n)
	}
	for _, child := range n.Children {
		if !child.leaves(yield) {
			return false
		}
	}
	return true
}

// elementsMax bounds the nodes of a schema.
const elementsMax = 1 << 16

// element is a node as the footer has it.
type element struct {
	node     Node
	children int
	leaf     bool
}

// schema reads the list of a footer's nodes.
func (c *compact) schema(kind byte) (elements []element) {
	c.list(kind, func(kind byte) {
		e := element{}
		converted, meaning := int64(-1), None
		c.structure(kind, func(id int16, kind byte) bool {
			switch id {
			case 1:
				e.node.Type, e.leaf = Type(c.number(kind)), true
			case 2:
				e.node.Width = int(c.number(kind))
			case 3:
				repetition := c.number(kind)
				e.node.Optional, e.node.Repeated = repetition == 1, repetition == 2
			case 4:
				e.node.Name = string(c.bytes(kind))
			case 5:
				e.children = int(c.number(kind))
			case 6:
				converted = c.number(kind)
			case 7:
				e.node.Scale = int32(c.number(kind))
			case 10:
				meaning = c.logical(kind, &e.node)
			default:
				return false
			}
			return true
		})
		if e.node.Meaning = meaning; meaning == None && converted >= 0 && converted < int64(len(convertedMeanings)) {
			e.node.Meaning = convertedMeanings[converted]
		}
		if elements = append(elements, e); len(elements) > elementsMax {
			c.fail()
		}
	})
	return elements
}

// convertedMeanings are those of the older way to say them.
var convertedMeanings = [...]Meaning{
	Text, Map, Map, List, Text, Decimal, Date, TimeOfDay, TimeOfDay, TimestampMillis, TimestampMicros,
	Unsigned, Unsigned, Unsigned, Unsigned, None, None, None, None, Text, Opaque, Opaque,
}

// logicalMeanings are those of the union of logical types, by field.
var logicalMeanings = map[int16]Meaning{
	1: Text, 2: Map, 3: List, 4: Text, 5: Decimal, 6: Date, 7: TimeOfDay, 12: Text, 13: Opaque, 14: UUID, 15: Float16, 16: Variant, 17: Opaque, 18: Opaque,
}

// logical reads the union of logical types.
func (c *compact) logical(kind byte, n *Node) (meaning Meaning) {
	c.structure(kind, func(id int16, kind byte) bool {
		meaning = logicalMeanings[id]
		switch id {
		case 5:
			c.structure(kind, func(id int16, kind byte) bool {
				if id == 1 {
					n.Scale = int32(c.number(kind))
				}
				return id == 1
			})
		case 8:
			c.structure(kind, func(id int16, kind byte) bool {
				if id != 2 {
					return false
				}
				c.structure(kind, func(unit int16, _ byte) bool {
					if unit >= 1 && unit <= 3 {
						meaning = TimestampMillis + Meaning(unit-1)
					}
					return false
				})
				return true
			})
		case 10:
			c.structure(kind, func(id int16, kind byte) bool {
				if id == 2 && !c.truth(kind) {
					meaning = Unsigned
				}
				return id == 2
			})
		default:
			return false
		}
		return true
	})
	return meaning
}

// tree makes the tree of a list of elements, the root first.
func tree(elements []element) (*Node, error) {
	t := treeMaker{elements: elements}
	root := t.next(nil, 0)
	if t.failed || t.at != len(elements) || root.Leaf() {
		return nil, errBroken
	}
	return root, nil
}

type treeMaker struct {
	elements []element
	at       int
	leaves   int
	failed   bool
}

// next makes the node of the next element and all below it.
func (t *treeMaker) next(above *Node, depth int) *Node {
	if t.at >= len(t.elements) || depth > depthMax {
		t.failed = true
		return &Node{}
	}
	e := &t.elements[t.at]
	t.at++
	n := &e.node
	if above == nil {
		n.Optional, n.Repeated = false, false // of the root it says nothing
	} else {
		n.Definition, n.Repetition, n.path = above.Definition, above.Repetition, n.Name
		if depth > 1 {
			n.path = above.path + "." + n.Name
		}
	}
	if n.Optional || n.Repeated {
		n.Definition++
	}
	if n.Repeated {
		n.Repetition++
	}
	if e.leaf {
		if n.Type < Boolean || n.Type > FixedLenByteArray || n.Type == FixedLenByteArray && n.Width <= 0 || e.children > 0 {
			t.failed = true
		}
		n.order = t.leaves
		t.leaves++
		return n
	}
	n.Children = []*Node{}
	for range e.children {
		if t.failed {
			break
		}
		n.Children = append(n.Children, t.next(n, depth+1))
	}
	return n
}
