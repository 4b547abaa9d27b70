package event

// column is one column of the data sources, in the order of the schema.
type column uint8

const (
	colTimestamp column = iota
	colModel
	colID
	colFeatures
	colPredicted
	colActual
	colVersion
	colEnvironment
	colNone // a key that is no column; also: no column at fault
)

var columnNames = [...]string{
	colTimestamp:   "timestamp",
	colModel:       "model_id",
	colID:          "prediction_id",
	colFeatures:    "features",
	colPredicted:   "predicted_value",
	colActual:      "actual_value",
	colVersion:     "model_version",
	colEnvironment: "environment",
	colNone:        "",
}

// String returns the name of the column.
func (c column) String() string { return columnNames[c] }

// columns is a set of columns.
type columns uint16

func setOf(cs ...column) columns {
	var set columns
	for _, c := range cs {
		set |= c.bit()
	}
	return set
}

func (c column) bit() columns { return 1 << c }

// schema is what a data source makes of the columns. A column outside known is
// an unknown key; one inside known but not required may be absent or null.
type schema struct {
	known, required columns

	// keys finds a known column by its key, each in a slot of its own.
	keys [16]columnKey
}

type columnKey struct {
	lo, hi uint64 // the key, padded with zeros
	size   int
	col    column
}

func newSchema(known, required columns) schema {
	s := schema{known: known, required: required}
	for c := range colNone {
		if known&c.bit() == 0 {
			continue
		}
		key := []byte(c.String())
		slot := &s.keys[keySlot(key)]
		if slot.size != 0 {
			panic("BUG: two columns in one slot")
		}
		*slot = columnKey{lo: partWord(key[:8]), hi: partWord(key[8:]), size: len(key), col: c}
	}
	return s
}

// keySlot returns the slot of a key of at least one byte. It is without
// collisions over the columns.
func keySlot(key []byte) int { return len(key)&7 | int(key[0]&1)<<3 }

// predictionsSchema returns the schema of ml_model_predictions.
func predictionsSchema() schema {
	all := colNone.bit() - 1
	return newSchema(all, all&^colActual.bit())
}

// actualsSchema returns the schema of ml_model_actuals.
func actualsSchema() schema {
	required := setOf(colModel, colID, colActual)
	return newSchema(required|colTimestamp.bit(), required)
}

// columnOf returns the column that a key, which has slack, names, or colNone.
func (s *schema) columnOf(key []byte) column {
	if len(key) == 0 {
		return colNone
	}
	lo, hi := shortWords(key)
	if k := &s.keys[keySlot(key)]; k.size == len(key) && k.lo == lo && k.hi == hi {
		return k.col
	}
	return colNone
}

// firstMissing returns the first required column that is not in seen, or
// colNone.
func (s *schema) firstMissing(seen columns) column {
	missing := s.required &^ seen
	for c := range colNone {
		if missing&c.bit() != 0 {
			return c
		}
	}
	return colNone
}
