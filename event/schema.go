package event

import "math/bits"

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

// columnSet is a set of columns.
type columnSet uint16

func setOf(cs ...column) columnSet {
	var set columnSet
	for _, c := range cs {
		set |= c.bit()
	}
	return set
}

func (c column) bit() columnSet { return 1 << c }

// schema is what a data source makes of the columns. A column outside known is an unknown key; one inside known but not
// required may be absent or null. Where null says something of its own, a required column may be null, not absent.
type schema struct {
	known, required, nullable columnSet

	// keys finds a known column by its key, each in a slot of its own.
	keys [16]columnKey
}

// columnKey is a key as it lies in a line, with its closing quote, in two words; mask keeps the bytes of the second
// that are of the key. An empty slot has a mask of 0 and a hi that is not: no key is equal to it.
type columnKey struct {
	lo, hi, mask uint64
	size         int
	col          column
}

func newSchema(known, required columnSet) schema {
	s := schema{known: known, required: required}
	for i := range s.keys {
		s.keys[i].hi = 1
	}
	for c := range colNone {
		if known&c.bit() == 0 {
			continue
		}
		key := []byte(c.String() + `"`)
		if len(key) <= 8 || len(key) > 16 {
			panic("BUG: a key that is not two words")
		}
		lo, hi := partWord(key[:8]), partWord(key[8:])
		slot := &s.keys[keySlot(lo)]
		if slot.size != 0 {
			panic("BUG: two columns in one slot")
		}
		*slot = columnKey{lo: lo, hi: hi, mask: firstBytes(^uint64(0), len(key)-8), size: len(key), col: c}
	}
	return s
}

// keySlot returns the slot of a key by its first word. It is without collisions over the columns.
func keySlot(lo uint64) int { return int(lo * 0x9E3779B97F4A7C15 >> 60) }

// predictionsSchema returns the schema of ml_model_predictions.
func predictionsSchema() schema {
	all := colNone.bit() - 1
	return newSchema(all, all&^colActual.bit())
}

// actualsSchema returns the schema of ml_model_actuals.
func actualsSchema() schema {
	required := setOf(colModel, colID, colActual)
	s := newSchema(required|setOf(colTimestamp, colVersion, colEnvironment), required)
	s.nullable = colActual.bit()
	return s
}

// columnAt returns the column whose key, without escapes, lies at i with its closing quote, and the index behind that;
// or colNone. b has slack.
func (s *schema) columnAt(b []byte, i int) (c column, end int) {
	lo, hi := load(b, i), load(b, i+8)
	k := &s.keys[keySlot(lo)]
	end = i + k.size
	if k.lo != lo || k.hi != hi&k.mask || end > len(b) {
		return colNone, i
	}
	return k.col, end
}

// firstMissing returns the first required column that is not in seen, or colNone.
func (s *schema) firstMissing(seen columnSet) column {
	missing := s.required &^ seen
	if missing == 0 {
		return colNone
	}
	return column(bits.TrailingZeros16(uint16(missing)))
}
