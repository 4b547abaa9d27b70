package plan

// accumulatorBytes is about what an aggregate of a group takes.
const accumulatorBytes = 256

// rowGroups makes rows of groups of rows in memory: keys, then aggregates.
type rowGroups struct {
	from    node
	where   *expr
	keys    []*expr
	parts   []*gathered
	without bool
}

func (n *rowGroups) rows(x *run) ([][]Value, error) {
	from, err := n.from.rows(x)
	if err != nil {
		return nil, err
	}
	e := env{x: x}
	found := map[string]int{}
	var rows [][]Value
	var values [][]accumulator
	group := func(key []byte, keys []Value) (int, error) {
		if i, ok := found[string(key)]; ok {
			return i, nil
		}
		if err := x.hold(bytesOf(keys) + int64(len(key)) + int64(len(n.parts))*accumulatorBytes); err != nil {
			return 0, err
		}
		made := make([]accumulator, len(n.parts))
		for i, p := range n.parts {
			made[i] = p.make()
		}
		found[string(key)] = len(rows)
		rows, values = append(rows, keys), append(values, made)
		return len(rows) - 1, nil
	}
	if n.without {
		if _, err := group(nil, nil); err != nil {
			return nil, err
		}
	}
	var key []byte
	for _, row := range from {
		e.row = row
		if n.where != nil && !truth(n.where.eval(&e), n.where.typ) {
			continue
		}
		key = key[:0]
		keys := make([]Value, len(n.keys), len(n.keys)+len(n.parts))
		for i, k := range n.keys {
			keys[i] = k.eval(&e)
			key = appendKey(key, keys[i], k.typ)
		}
		at, err := group(key, keys)
		if err != nil {
			return nil, err
		}
		for i, p := range n.parts {
			p.add(&e, values[at][i])
		}
	}
	for i := range rows {
		for _, a := range values[i] {
			rows[i] = append(rows[i], a.value())
		}
	}
	return rows, x.err
}
