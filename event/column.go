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

// columnOf returns the column that a key names, or colNone.
func columnOf(key []byte) column {
	switch string(key) {
	case "timestamp":
		return colTimestamp
	case "model_id":
		return colModel
	case "prediction_id":
		return colID
	case "features":
		return colFeatures
	case "predicted_value":
		return colPredicted
	case "actual_value":
		return colActual
	case "model_version":
		return colVersion
	case "environment":
		return colEnvironment
	}
	return colNone
}

// schema is what a data source makes of the columns. A column outside known is
// an unknown key; one inside known but not required may be absent or null.
type schema struct {
	known, required columns
}

// predictionsSchema returns the schema of ml_model_predictions.
func predictionsSchema() schema {
	all := colNone.bit() - 1
	return schema{known: all, required: all &^ colActual.bit()}
}

// actualsSchema returns the schema of ml_model_actuals.
func actualsSchema() schema {
	required := setOf(colModel, colID, colActual)
	return schema{known: required | colTimestamp.bit(), required: required}
}

// firstMissing returns the first required column that is not in seen, or
// colNone.
func (s schema) firstMissing(seen columns) column {
	missing := s.required &^ seen
	for c := range colNone {
		if missing&c.bit() != 0 {
			return c
		}
	}
	return colNone
}
