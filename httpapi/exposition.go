package httpapi

import (
	"math"
	"strconv"

	"github.com/residualdb/residual/internal/jsontext"
)

// expositionType is the type of an answer in Prometheus' text format.
const expositionType = "text/plain; version=0.0.4; charset=utf-8"

// exposition writes Prometheus' text format.
type exposition struct {
	dst  []byte
	name string
}

func (w *exposition) family(name, kind, help string) {
	w.name = name
	w.dst = append(w.dst, "# HELP "+name+" "+help+"\n# TYPE "+name+" "+kind+"\n"...)
}

// sample writes one line of the current family; labels are names and values in turn.
func (w *exposition) sample(suffix string, value float64, labels ...string) {
	w.dst = append(append(w.dst, w.name...), suffix...)
	for i := 0; i < len(labels); i += 2 {
		w.dst = append(w.dst, "{,"[min(i, 1)])
		w.dst = append(append(w.dst, labels[i]...), '=')
		w.dst = appendLabelValue(w.dst, labels[i+1])
	}
	if len(labels) > 0 {
		w.dst = append(w.dst, '}')
	}
	w.dst = append(appendSample(append(w.dst, ' '), value), '\n')
}

// states writes a sample for each state that the current family may be in: 1 for the one that it is, 0 for each other.
// So a series lives on when the state changes. Labels are as in sample.
func (w *exposition) states(all []string, is string, labels ...string) {
	for _, state := range all {
		w.sample("", truth(state == is), append(labels, "status", state)...)
	}
}

func (w *exposition) gauge(name, help string, value float64) {
	w.family(name, "gauge", help)
	w.sample("", value)
}

func (w *exposition) counter(name, help string, value uint64) {
	w.family(name, "counter", help)
	w.sample("", float64(value))
}

// latencies writes a histogram of one route.
func (w *exposition) latencies(h *histogram, route string) {
	var total uint64
	for i := range h.buckets {
		total += h.buckets[i].Load()
		bound := "+Inf"
		if i < len(latencyBounds) {
			bound = strconv.FormatFloat(latencyBounds[i], 'g', -1, 64)
		}
		w.sample("_bucket", float64(total), "route", route, "le", bound)
	}
	w.sample("_sum", float64(h.nanos.Load())/1e9, "route", route)
	w.sample("_count", float64(total), "route", route)
}

// batches writes the histogram of batch sizes.
func (w *exposition) batches(c *counters) {
	w.family("residual_http_batch_rows", "histogram", "Rows of an acknowledged request.")
	var total uint64
	for i := range c.batchRows {
		total += c.batchRows[i].Load()
		bound := "+Inf"
		if i < len(batchBounds) {
			bound = strconv.Itoa(batchBounds[i])
		}
		w.sample("_bucket", float64(total), "le", bound)
	}
	w.sample("_sum", float64(c.rows.Load()))
	w.sample("_count", float64(total))
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
