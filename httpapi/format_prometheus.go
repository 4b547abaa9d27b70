package httpapi

import "math"

// writePrometheus writes each column of numbers as a gauge named after pipe and column, and each column of statuses as
// one that is 1 for the status that it is and 0 for each other; times are Unix seconds. A number that is NULL has no
// sample. The labels are the columns of strings, which name a series: where the version latest was asked for that is its
// name, and its samples go on when another version takes over.
//
// A column's samples stand together, so that all rows are in the batch.
func writePrometheus(o *output, t *table) error {
	w := &exposition{dst: o.buf}
	for j, column := range t.columns {
		states := kindStates[column.kind]
		fraction := column.kind == kindFloat64 || column.kind == kindNullableFloat64
		if states == nil && !fraction && column.kind != kindUInt64 && column.kind != kindDateTime {
			continue
		}
		w.family(t.pipe+"_"+column.name, "gauge", "Column "+column.name+" of the pipe "+t.pipe+".")
		for i := range t.rows() {
			switch cell := t.row(i)[j]; {
			case states != nil:
				w.states(states, cell.text, t.labels(i)...)
			case !fraction:
				w.sample("", float64(cell.whole), t.labels(i)...)
			case column.kind != kindNullableFloat64 || !math.IsNaN(cell.number):
				w.sample("", cell.number, t.labels(i)...)
			}
			if o.buf = w.dst; !o.pass() {
				return o.err
			}
			w.dst = o.buf
		}
	}
	o.buf = w.dst
	return nil
}

// labels returns the names and values, in turn, of what a row has the numbers of.
func (t *table) labels(row int) (labels []string) {
	for k, cell := range t.row(row) {
		switch column := &t.columns[k]; {
		case column.kind != kindString:
		case t.latest && column.name == versionColumn:
			labels = append(labels, column.name, latestVersion)
		default:
			labels = append(labels, column.name, cell.text)
		}
	}
	return labels
}
