package httpapi

import "math"

// appendPrometheus writes each column of numbers as a gauge named after pipe and column, labelled with the columns of
// strings; times are Unix seconds. A number that is NULL has no sample.
func appendPrometheus(dst []byte, t *table) ([]byte, error) {
	w := &exposition{dst: dst}
	for j, column := range t.columns {
		fraction := column.kind == kindFloat64 || column.kind == kindNullableFloat64
		if !fraction && column.kind != kindUInt64 && column.kind != kindDateTime {
			continue
		}
		w.family(t.pipe+"_"+column.name, "gauge", "Column "+column.name+" of the pipe "+t.pipe+".")
		for i := range t.rows() {
			row := t.row(i)
			if column.kind == kindNullableFloat64 && math.IsNaN(row[j].number) {
				continue
			}
			var labels []string
			for k := range row {
				if t.columns[k].kind == kindString {
					labels = append(labels, t.columns[k].name, row[k].text)
				}
			}
			value := row[j].number
			if !fraction {
				value = float64(row[j].whole)
			}
			w.sample("", value, labels...)
		}
	}
	return w.dst, nil
}
