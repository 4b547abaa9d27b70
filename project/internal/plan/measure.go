package plan

import (
	"math"
	"strconv"
	"strings"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/project/internal/sql"
)

// measured is a measure of rows times a number: what sums are kept of.
type measured struct {
	of     engine.Measure
	factor float64
	// signed is set for a quotient of an error and an actual that has their signs yet, and is no measure before abs is taken.
	signed bool
}

// measureOf reads an expression over predicted_value and actual_value as a measure. ok is false if it is none.
func measureOf(e sql.Expr) (m measured, ok bool) {
	switch e := e.(type) {
	case *sql.Ident:
		switch e.Name {
		case "predicted_value":
			return measured{of: engine.PredictedValue, factor: 1}, true
		case "actual_value":
			return measured{of: engine.ActualValue, factor: 1}, true
		}
	case *sql.Call:
		return measureOfCall(e)
	}
	return m, false
}

func measureOfCall(e *sql.Call) (m measured, ok bool) {
	name := strings.ToLower(e.Name)
	switch {
	case len(e.Args) == 1:
		if m, ok = measureOf(e.Args[0]); !ok {
			return m, false
		}
		switch name {
		case "tofloat64":
			return m, true
		case "negate":
			m.factor = -m.factor
			return m, true
		case "abs":
			return m.abs()
		case "sqrt":
			if m.of == engine.SquaredError && m.factor >= 0 {
				return measured{of: engine.AbsError, factor: math.Sqrt(m.factor)}, true
			}
			if m.of == engine.SquaredActual && m.factor >= 0 {
				return measured{of: engine.AbsActual, factor: math.Sqrt(m.factor)}, true
			}
		}
		return m, false
	case len(e.Args) != 2:
		return m, false
	}
	a, isA := measureOf(e.Args[0])
	b, isB := measureOf(e.Args[1])
	c, constB := constantOf(e.Args[1])
	d, constA := constantOf(e.Args[0])
	switch {
	case name == "minus" && isA && isB && a.factor == b.factor && !a.signed && !b.signed:
		if a.of == engine.PredictedValue && b.of == engine.ActualValue {
			return measured{of: engine.Error, factor: a.factor}, true
		}
		if a.of == engine.ActualValue && b.of == engine.PredictedValue {
			return measured{of: engine.Error, factor: -a.factor}, true
		}
	case (name == "pow" || name == "power") && isA && constB && c == 2:
		return a.times(a)
	case name == "multiply" && isA && isB:
		return a.times(b)
	case name == "multiply" && isA && constB:
		a.factor *= c
		return a, true
	case name == "multiply" && isB && constA:
		b.factor *= d
		return b, true
	case name == "divide" && isA && constB && c != 0:
		a.factor /= c
		return a, true
	case name == "divide" && isA:
		return percentage(a, e.Args[1])
	}
	return m, false
}

// abs is the measure without its sign.
func (m measured) abs() (measured, bool) {
	m.factor = math.Abs(m.factor)
	switch m.of {
	case engine.Error:
		m.of = engine.AbsError
	case engine.ActualValue:
		m.of = engine.AbsActual
	case engine.PredictedValue:
		return m, false
	default: // has none
	}
	m.signed = false
	return m, true
}

// times is the square of a measure, which is all that is known of products.
func (m measured) times(o measured) (measured, bool) {
	square, factor := m, m.factor*o.factor
	if m.of != o.of || m.signed || o.signed {
		return m, false
	}
	switch m.of {
	case engine.Error, engine.AbsError:
		square.of = engine.SquaredError
	case engine.ActualValue, engine.AbsActual:
		square.of = engine.SquaredActual
	default:
		return m, false
	}
	square.factor = factor
	return square, true
}

// percentage is an error over nullIf(actual, 0): rows whose actual is zero do not count in it.
func percentage(m measured, below sql.Expr) (measured, bool) {
	unsigned := false
	if c, ok := below.(*sql.Call); ok && strings.EqualFold(c.Name, "abs") && len(c.Args) == 1 {
		below, unsigned = c.Args[0], true
	}
	c, ok := below.(*sql.Call)
	if !ok || !strings.EqualFold(c.Name, "nullIf") || len(c.Args) != 2 {
		return m, false
	}
	zero, isConstant := constantOf(c.Args[1])
	of, ok := measureOf(c.Args[0])
	if !ok || !isConstant || zero != 0 || of.of != engine.ActualValue && of.of != engine.AbsActual || m.of != engine.Error && m.of != engine.AbsError {
		return m, false
	}
	m.signed = m.of == engine.Error || !unsigned && of.of == engine.ActualValue
	m.of, m.factor = engine.PercentageError, m.factor/of.factor
	return m, true
}

// constantOf reads a number.
func constantOf(e sql.Expr) (f float64, ok bool) {
	switch e := e.(type) {
	case *sql.Literal:
		if e.Kind != sql.Number {
			return 0, false
		}
		f, err := strconv.ParseFloat(e.Text, 64)
		return f, err == nil
	case *sql.Call:
		if strings.EqualFold(e.Name, "negate") && len(e.Args) == 1 {
			f, ok = constantOf(e.Args[0])
			return -f, ok
		}
	}
	return 0, false
}

// kept says what sums are kept of, for errors.
const kept = "sums are kept of predicted_value - actual_value, of its absolute value and its square, of actual_value and of predicted_value; " + rowsElsewhere

// summed reads an aggregate of the sums of a group.
type summed struct {
	typ  Type
	want engine.SumsWant
	read func(s *engine.RowSums) Value
}

// summedOf reads an aggregate over a table of a store: name is without If.
func (t *table) summedOf(e *sql.Call, name string, args []sql.Expr) (*summed, error) {
	if name == "count" {
		return t.countOf(e, args)
	}
	if len(args) != 1 {
		return nil, sql.Errorf(e.At, "", "%s of %d arguments is not understood", e.Name, len(args))
	}
	if isTimestamp(args[0]) && (name == "min" || name == "max") {
		return &summed{typ: t.timeType(), read: func(s *engine.RowSums) Value {
			first, last := s.Times(t.actuals)
			if name == "max" {
				first = last
			}
			if t.count(s) == 0 {
				return whole(0)
			}
			return whole(first.UnixMilli())
		}}, nil
	}
	if n, ok := constantOf(args[0]); ok && name == "sum" && n == 1 {
		return &summed{typ: countType, read: func(s *engine.RowSums) Value { return whole(int64(t.count(s))) }}, nil
	}
	m, ok := measureOf(args[0])
	if !ok || m.signed {
		return nil, sql.Errorf(args[0].Pos(), kept, "sums know nothing of this expression")
	}
	if m.of == engine.PredictedValue && !t.actuals {
		return nil, sql.Errorf(args[0].Pos(), "add WHERE actual_value IS NOT NULL, or read ml_model_predictions", "of rows without an actual, no sum of predicted_value is kept")
	}
	s, err := aggregateOf(e, name, m)
	if err != nil {
		return nil, err
	}
	s.want = wantOf(m, s.want)
	if !t.actuals || m.of == engine.PercentageError {
		read := s.read
		s.typ = nullable(s.typ)
		s.read = func(sums *engine.RowSums) Value {
			if sums.Count(m.of) == 0 {
				return null
			}
			return read(sums)
		}
	}
	return s, nil
}

// wantOf is what a measure asks of a store.
func wantOf(m measured, want engine.SumsWant) engine.SumsWant {
	if m.of != engine.Error && m.of != engine.AbsError && m.of != engine.SquaredError {
		want = max(want, engine.ValueSums)
	}
	return want
}

// countOf reads count(), count(x) and count(actual_value).
func (t *table) countOf(e *sql.Call, args []sql.Expr) (*summed, error) {
	s := &summed{typ: countType, read: func(s *engine.RowSums) Value { return whole(int64(t.count(s))) }}
	if len(args) == 0 {
		return s, nil
	}
	if len(args) > 1 {
		return nil, sql.Errorf(e.At, "", "count takes one argument, or none")
	}
	if m, ok := measureOf(args[0]); ok {
		if m.of != engine.PredictedValue {
			s.read = func(s *engine.RowSums) Value { return whole(int64(s.Count(m.of))) }
		}
		s.want = wantOf(m, s.want)
		return s, nil
	}
	switch x := args[0].(type) {
	case *sql.Ident:
		if t.has(x.Name) {
			return s, nil
		}
	case *sql.Literal:
		if x.Kind != sql.Null {
			return s, nil
		}
	}
	return nil, sql.Errorf(args[0].Pos(), "write count()", "this count is not understood")
}

// aggregateOf is an aggregate of a measure.
func aggregateOf(e *sql.Call, name string, m measured) (*summed, error) {
	f := m.factor
	plain := func(read func(s *engine.RowSums) float64) (*summed, error) {
		return &summed{typ: floatType, read: func(s *engine.RowSums) Value { return number(read(s)) }}, nil
	}
	switch name {
	case "sum":
		return plain(func(s *engine.RowSums) float64 { return scaled(s.Sum(m.of), f) })
	case "avg":
		return plain(func(s *engine.RowSums) float64 {
			if s.Count(m.of) == 0 {
				return math.NaN()
			}
			return scaled(s.Mean(m.of), f)
		})
	case "min", "max":
		if (name == "max") == (f >= 0) && (m.of == engine.AbsError || m.of == engine.SquaredError) {
			squared := m.of == engine.SquaredError
			s, err := plain(func(s *engine.RowSums) float64 {
				v := s.MaxAbsError()
				if squared {
					v *= v
				}
				return scaled(v, f)
			})
			s.want = engine.ValueSums
			return s, err
		}
		return nil, sql.Errorf(e.At, "the largest abs(predicted_value - actual_value) is kept; "+rowsElsewhere, "no %s of this is kept", name)
	case "stddevpop", "stddevsamp", "varpop", "varsamp":
		if m.of != engine.Error && m.of != engine.AbsError && m.of != engine.ActualValue {
			return nil, sql.Errorf(e.At, "those of predicted_value - actual_value, of its absolute value and of actual_value are known; "+rowsElsewhere, "no spread of this is kept")
		}
		return plain(func(s *engine.RowSums) float64 { return spread(name, s.Deviation(m.of)*math.Abs(f), s.Count(m.of)) })
	case "quantile", "median", "quantiles":
		return quantileOf(e, name, m)
	}
	return nil, sql.Errorf(e.At, rowsElsewhere, "%s of the values of rows is not kept", e.Name)
}

// scaled is a number times a factor, which leaves it as it is where the factor is 1.
func scaled(v, factor float64) float64 {
	if factor == 1 || v == 0 {
		return v
	}
	return v * factor
}

// spread makes a standard deviation of n values, or their variance, as ClickHouse has them.
func spread(name string, deviation float64, n uint64) float64 {
	if n == 0 {
		return math.NaN()
	}
	v := deviation
	if strings.HasSuffix(name, "samp") {
		if n == 1 {
			return math.NaN()
		}
		v *= math.Sqrt(float64(n) / float64(n-1))
	}
	if strings.HasPrefix(name, "var") {
		v *= v
	}
	return v
}

// quantileOf reads quantile(0.9)(x), median(x) and quantiles(0.5, 0.9)(x) of the absolute error.
func quantileOf(e *sql.Call, name string, m measured) (*summed, error) {
	if m.of != engine.AbsError || m.factor < 0 {
		return nil, sql.Errorf(e.At, rowsElsewhere, "quantiles of abs(predicted_value - actual_value) alone are kept")
	}
	levels, err := levelsOf(e, name)
	if err != nil {
		return nil, err
	}
	percents := make([]uint64, len(levels))
	for i, level := range levels {
		p := math.Round(level * 100)
		if math.Abs(level*100-p) > 1e-9 {
			return nil, sql.Errorf(e.At, "write 0.99, or another whole number of per cents", "quantiles are kept by per cents, and %g is between two", level)
		}
		if percents[i] = uint64(p); i > 0 && percents[i] < percents[i-1] {
			return nil, sql.Errorf(e.At, "", "the levels of quantiles ascend")
		}
	}
	values := func(s *engine.RowSums) []float64 {
		v := make([]float64, len(percents))
		if s.Actuals() > 0 {
			s.AbsErrorQuantiles(v, percents...)
		}
		for i := range v {
			if v[i] = scaled(v[i], m.factor); s.Actuals() == 0 {
				v[i] = math.NaN()
			}
		}
		return v
	}
	of := &summed{typ: floatType, want: engine.AllSums, read: func(s *engine.RowSums) Value { return number(values(s)[0]) }}
	if name == "quantiles" {
		of.typ = arrayType
		of.read = func(s *engine.RowSums) (v Value) {
			for _, f := range values(s) {
				v.Values = append(v.Values, number(f))
			}
			return v
		}
	}
	return of, nil
}

// levelsOf reads the levels of a quantile.
func levelsOf(e *sql.Call, name string) ([]float64, error) {
	if len(e.Params) == 0 {
		if name == "quantiles" {
			return nil, sql.Errorf(e.At, "write quantiles(0.5, 0.9)(x)", "quantiles has no levels")
		}
		return []float64{0.5}, nil
	}
	if name != "quantiles" && len(e.Params) > 1 || name == "median" {
		return nil, sql.Errorf(e.At, "", "%s has one level", e.Name)
	}
	levels := make([]float64, len(e.Params))
	for i, p := range e.Params {
		f, ok := constantOf(p)
		if !ok || f < 0 || f > 1 {
			return nil, sql.Errorf(p.Pos(), "", "the level of a quantile is a number from 0 to 1")
		}
		levels[i] = f
	}
	return levels, nil
}
