package encode

import "math"

// writePrometheus writes each column of numbers as a gauge named after pipe and column, and each column of statuses as
// one that is 1 for the status that it is and 0 for each other; times are Unix seconds. A number that is NULL has no
// sample. The labels are the columns of strings, which name a series: where the version latest was asked for that is its
// name, and its samples go on when another version takes over.
//
// Columns that are not written are labels all the same: without them a sample would be nobody's.
//
// A column's samples stand together, so that all rows are in the batch.
func writePrometheus(o *Output, t *Table) error {
	w := &Exposition{Dst: o.Buf}
	for i, column := range t.shown() {
		j := t.place(i)
		states := column.States
		fraction := column.Fraction()
		if states == nil && !fraction && column.Kind != UInt64 && column.Kind != DateTime && column.Kind != NullableDateTime && column.Kind != Int64 {
			continue
		}
		w.Family(t.Name+"_"+column.Name, "gauge", "Column "+column.Name+" of the pipe "+t.Name+".")
		for i := range t.rows {
			switch cell := t.cell(i, j); {
			case cell.null:
			case states != nil:
				w.States(column.stateLabel(), states, cell.text, t.labels(i)...)
			case column.Kind == NullableDateTime && cell.whole == noMoment:
			case column.Kind == DateTime || column.Kind == NullableDateTime:
				w.Sample("", float64(cell.whole/1000), t.labels(i)...)
			case column.Kind == Int64:
				w.Sample("", float64(cell.whole), t.labels(i)...)
			case !fraction:
				w.Sample("", float64(uint64(cell.whole)), t.labels(i)...)
			case column.Kind != NullableFloat64 || !math.IsNaN(cell.number):
				w.Sample("", cell.number, t.labels(i)...)
			}
			if o.Buf = w.Dst; !o.pass() {
				return o.Err
			}
			w.Dst = o.Buf
		}
	}
	o.Buf = w.Dst
	return nil
}

// labels returns the names and values, in turn, of what a row has the numbers of.
func (t *Table) labels(row int) (labels []string) {
	for k := range t.Columns {
		switch column := &t.Columns[k]; {
		case column.Kind != String:
		case column.Name == t.LabelColumn:
			labels = append(labels, column.Name, t.LabelValue)
		default:
			labels = append(labels, column.Name, t.cell(row, k).text)
		}
	}
	return labels
}
