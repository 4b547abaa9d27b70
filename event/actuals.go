package event

// Actuals is the actuals of one request in columns, and what was rejected beside them: the rows of ml_model_actuals.
// Row i is element i of each column. An Actuals is for one goroutine at a time; the zero Actuals is empty and ready.
type Actuals struct {
	// Models are distinct and in the order of their first row; ModelOf holds one index into them per row.
	Models  []string
	ModelOf []uint32

	// Scopes are distinct and in the order of their first row; ScopeOf holds one index into them per row.
	Scopes  []Scope
	ScopeOf []uint32

	IDs Text

	// Values are finite, and 0 where Known is not set: such a row withdraws the actual.
	Values []float64
	Known  Bitmap

	// Observed is when the actual was seen, in Unix milliseconds; 0 means that the line did not say.
	Observed []int64

	// Rejects are the first RejectsMax rejected lines; Rejected counts all.
	Rejects  []Reject
	Rejected Counts

	models lookup[string]
	scopes lookup[Scope]
}

// Scope says which predictions of its model and id an actual is about: those of one version, those of one environment,
// or those of both. An empty name stands for every one, and the zero Scope for all predictions.
type Scope struct{ Version, Environment string }

// Len returns the number of rows.
func (a *Actuals) Len() int { return len(a.Values) }

// Reset empties the batch and keeps its memory. Views into its columns end here; kept [Reject] values stay valid.
func (a *Actuals) Reset() {
	clear(a.Models)
	a.Models = a.Models[:0]
	clear(a.models)
	a.ModelOf = a.ModelOf[:0]
	clear(a.Scopes)
	a.Scopes = a.Scopes[:0]
	clear(a.scopes)
	a.ScopeOf = a.ScopeOf[:0]
	a.IDs.Reset()
	a.Values = a.Values[:0]
	a.Known.Reset()
	a.Observed = a.Observed[:0]
	clear(a.Rejects)
	a.Rejects = a.Rejects[:0]
	a.Rejected = Counts{}
}

// Add checks an actual against the rules of the data source and appends it. The error is a *[Reject] that names column
// and reason, or [ErrTooLarge]; the batch is then as it was.
func (a *Actuals) Add(x Actual, rules Rules) error {
	if c, f := x.check(&rules); f != faultNone {
		return &Reject{Column: c.String(), Code: f.code(), Reason: f.reason()}
	}
	if err := a.reserve(len(x.PredictionID)); err != nil {
		return err
	}
	a.ModelOf = append(a.ModelOf, a.models.indexOf(&a.Models, x.ModelID))
	scope := Scope{Version: x.ModelVersion, Environment: x.Environment}
	a.ScopeOf = append(a.ScopeOf, a.scopes.indexOf(&a.Scopes, scope))
	observed := int64(0)
	if !x.Observed.IsZero() {
		observed = x.Observed.UnixMilli()
	}
	a.appendCells(x.Value, !x.Withdrawn, observed)
	a.IDs.AppendString(x.PredictionID)
	return nil
}

// appendCells appends the cells of a row that have a fixed width, but its model and scope; the caller appends those and
// its id.
func (a *Actuals) appendCells(value float64, known bool, observed int64) {
	if !known {
		value = 0
	}
	a.Known.Append(len(a.Values), known)
	a.Values = append(a.Values, value)
	a.Observed = append(a.Observed, observed)
}

// addRow implements sink.
func (a *Actuals) addRow(d *Decoder) {
	r := &d.row
	if r.given&colTimestamp.bit() == 0 {
		r.time = 0
	}
	a.ModelOf = append(a.ModelOf, a.models.indexOf(&a.Models, d.intern(r.text[colModel])))
	a.ScopeOf = append(a.ScopeOf, a.scopes.indexOf(&a.Scopes, d.scope()))
	a.appendCells(r.actual, r.nulls&colActual.bit() == 0, r.time)
	a.IDs.Append(r.text[colID])
}

// rejects implements sink.
func (a *Actuals) rejects() rejects { return rejects{kept: &a.Rejects, counts: &a.Rejected} }

// reserve implements sink.
func (a *Actuals) reserve(textBytes int) error {
	return reserveText(len(a.IDs.Bytes), textBytes)
}

// scope returns the scope of d.row.
func (d *Decoder) scope() (s Scope) {
	if d.row.given&colVersion.bit() != 0 {
		s.Version = d.intern(d.row.text[colVersion])
	}
	if d.row.given&colEnvironment.bit() != 0 {
		s.Environment = d.intern(d.row.text[colEnvironment])
	}
	return s
}

// lookup finds a value among the distinct ones of a batch.
type lookup[T comparable] map[T]uint32

// indexOf returns the index of v in all, to which it adds v if it is new. all is exported and may have been filled by
// hand: the lookup is then made anew.
func (x *lookup[T]) indexOf(all *[]T, v T) uint32 {
	if *x == nil || len(*x) != len(*all) {
		*x = make(lookup[T], len(*all)+1)
		for i, v := range *all {
			(*x)[v] = uint32(i)
		}
	}
	i, ok := (*x)[v]
	if !ok {
		i = uint32(len(*all))
		*all = append(*all, v)
		(*x)[v] = i
	}
	return i
}
