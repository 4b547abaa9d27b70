package event

// Actuals is the actuals of one request in columns, and what was rejected
// beside them: the rows of ml_model_actuals. The zero Actuals is empty and
// ready.
type Actuals struct {
	// Models are distinct and in the order of their first row; ModelOf holds one
	// index into them per row.
	Models  []string
	ModelOf []uint32

	IDs    Text
	Values []float64 // finite

	// Observed is when the actual was seen, in Unix milliseconds; 0 means that
	// the line did not say.
	Observed []int64

	// Rejects are the first RejectsMax rejected lines; Rejected counts all.
	Rejects  []Reject
	Rejected Counts

	index map[string]uint32
}

// Len returns the number of rows.
func (a *Actuals) Len() int { return len(a.Values) }

// Reset empties the batch and keeps its memory. Views into its columns end
// here; kept [Reject] values stay valid.
func (a *Actuals) Reset() {
	clear(a.Models)
	a.Models = a.Models[:0]
	clear(a.index)
	a.ModelOf = a.ModelOf[:0]
	a.IDs.Reset()
	a.Values = a.Values[:0]
	a.Observed = a.Observed[:0]
	clear(a.Rejects)
	a.Rejects = a.Rejects[:0]
	a.Rejected = Counts{}
}

// addRow implements sink.
func (a *Actuals) addRow(d *Decoder) {
	r := &d.row
	if r.given&colTimestamp.bit() == 0 {
		r.time = 0
	}
	a.ModelOf = append(a.ModelOf, a.modelIndex(d, r.text[colModel]))
	a.IDs.Append(r.text[colID])
	a.Values = append(a.Values, r.actual)
	a.Observed = append(a.Observed, r.time)
}

// rejects implements sink.
func (a *Actuals) rejects() rejects { return rejects{kept: &a.Rejects, counts: &a.Rejected} }

// reserve implements sink.
func (a *Actuals) reserve(textBytes int) error {
	return reserveText(len(a.IDs.Bytes), textBytes)
}

// modelIndex returns the index of a model and adds it when it is new. The index
// follows Models, which is exported and may have been filled by hand.
func (a *Actuals) modelIndex(d *Decoder, model []byte) uint32 {
	if a.index == nil || len(a.index) != len(a.Models) {
		a.index = make(map[string]uint32, len(a.Models)+1)
		for i, m := range a.Models {
			a.index[m] = uint32(i)
		}
	}
	if i, ok := a.index[string(model)]; ok {
		return i
	}
	i := uint32(len(a.Models))
	name := d.intern(model)
	a.Models = append(a.Models, name)
	a.index[name] = i
	return i
}
