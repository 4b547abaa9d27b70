package encode

import (
	"math"
	"strconv"
	"time"

	"github.com/residualdb/residual/internal/jsontext"
)

// ExpositionType is the type of an answer in Prometheus' text format.
const ExpositionType = "text/plain; version=0.0.4; charset=utf-8"

// Exposition writes Prometheus' text format.
type Exposition struct {
	Dst  []byte
	name string
}

// Family begins a family, of which the samples that follow are.
func (w *Exposition) Family(name, kind, help string) {
	w.name = name
	w.Dst = append(w.Dst, "# HELP "+name+" "+help+"\n# TYPE "+name+" "+kind+"\n"...)
}

// Sample writes one line of the current family; labels are names and values in turn.
func (w *Exposition) Sample(suffix string, value float64, labels ...string) {
	w.Dst = append(append(w.Dst, w.name...), suffix...)
	for i := 0; i < len(labels); i += 2 {
		w.Dst = append(w.Dst, "{,"[min(i, 1)])
		w.Dst = append(append(w.Dst, labels[i]...), '=')
		w.Dst = appendLabelValue(w.Dst, labels[i+1])
	}
	if len(labels) > 0 {
		w.Dst = append(w.Dst, '}')
	}
	w.Dst = append(appendSample(append(w.Dst, ' '), value), '\n')
}

// States writes a sample for each state that the current family may be in: 1 for the one that it is, 0 for each other.
// So a series lives on when the state changes. Labels are as in Sample.
func (w *Exposition) States(label string, all []string, is string, labels ...string) {
	for _, state := range all {
		w.Sample("", Truth(state == is), append(labels, label, state)...)
	}
}

// Gauge writes a family of one sample.
func (w *Exposition) Gauge(name, help string, value float64) {
	w.Family(name, "gauge", help)
	w.Sample("", value)
}

// Counter writes a family of one sample.
func (w *Exposition) Counter(name, help string, value uint64) {
	w.Family(name, "counter", help)
	w.Sample("", float64(value))
}

// Histogram writes the samples of a histogram of the current family: counts of one bucket each, the last one beyond all
// bounds, and the sum of all values. Labels are as in Sample.
func (w *Exposition) Histogram(bounds []float64, counts []uint64, sum float64, labels ...string) {
	var total uint64
	for i, n := range counts {
		total += n
		bound := "+Inf"
		if i < len(bounds) {
			bound = strconv.FormatFloat(bounds[i], "gf"[min(int(bounds[i]), 1)], -1, 64)
		}
		w.Sample("_bucket", float64(total), append(labels, "le", bound)...)
	}
	w.Sample("_sum", sum, labels...)
	w.Sample("_count", float64(total), labels...)
}

func appendSample(dst []byte, value float64) []byte {
	switch {
	case math.IsNaN(value):
		return append(dst, "NaN"...)
	case math.IsInf(value, 1):
		return append(dst, "+Inf"...)
	case math.IsInf(value, -1):
		return append(dst, "-Inf"...)
	}
	return jsontext.AppendFloat(dst, value)
}

// appendLabelValue writes a label's value in quotes with the three escapes the format knows.
func appendLabelValue(dst []byte, value string) []byte {
	dst = append(dst, '"')
	for i := range len(value) {
		switch c := value[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// Truth is a condition as a sample.
func Truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// UnixSeconds is a time as Prometheus has it.
func UnixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
