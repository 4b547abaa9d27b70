//go:build linux

package main

import (
	"embed"
	"net/url"
	"strconv"
	"strings"
	"time"
)

//go:embed sql
var sqlFiles embed.FS

// question is one of the tutorial's two queries with its windows, in hours.
type question struct {
	name               string
	pipe               string // of Residual
	sql                string // file in sql/, without its ending
	recent, historical int    // historical is 0 for metrics
}

// questions are asked of every engine.
func questions() []question {
	return []question{metrics(1, "1 h"), metrics24h(), metrics90d(), drift168h(), drift(24, 90*24, "24 h / 90 d")}
}

// The questions that single figures are about.
func metrics24h() question { return metrics(24, "24 h") }
func metrics90d() question { return metrics(90*24, "90 d") }
func drift168h() question  { return drift(6, 168, "6 h / 168 h") }

func metrics(hours int, window string) question {
	return question{name: "metrics " + window, pipe: "model_performance_metrics", sql: "metrics", recent: hours}
}

func drift(recent, historical int, windows string) question {
	return question{name: "drift " + windows, pipe: "model_drift_detection", sql: "drift", recent: recent, historical: historical}
}

func (q question) isDrift() bool { return q.historical > 0 }

// path is the request to Residual.
func (q question) path(d dataset) string {
	p := url.Values{"model_id": {d.asked.Model}, "environment": {d.asked.Environment}, "as_of": {d.asOf.Format(time.DateTime)}}
	if q.isDrift() {
		p.Set("recent_window_hours", strconv.Itoa(q.recent))
		p.Set("historical_window_hours", strconv.Itoa(q.historical))
	} else {
		p.Set("model_version", d.asked.Version)
		p.Set("time_window", strconv.Itoa(q.recent))
	}
	return "/v0/pipes/" + q.pipe + ".json?" + p.Encode()
}

// statement is the question as SQL; variant selects another file for the same question, now is the dataset's asOf in
// the dialect.
func (q question) statement(d dataset, variant, now string) string {
	return statement(q.sql+variant, map[string]string{
		"now": now, "model_id": d.asked.Model, "model_version": d.asked.Version, "environment": d.asked.Environment,
		"time_window": strconv.Itoa(q.recent), "recent_window_hours": strconv.Itoa(q.recent),
		"historical_window_hours": strconv.Itoa(q.historical),
	})
}

// statement reads a file of sql/ and puts values in place of {names}.
func statement(name string, values map[string]string) string {
	text, err := sqlFiles.ReadFile("sql/" + name + ".sql")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	pairs := make([]string, 0, 2*len(values))
	for key, value := range values {
		pairs = append(pairs, "{"+key+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(string(text))
}
