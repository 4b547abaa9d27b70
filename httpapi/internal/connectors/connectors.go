package connectors

import (
	"fmt"
	"strings"
	"time"

	"github.com/residualdb/residual/httpapi/internal/encode"
)

// Connectors is what a server shows of what fetches events for it. It is safe for concurrent use.
type Connectors interface {
	// Connectors returns how each connector does, by name, at once.
	Connectors() []Connector
	// Ask has the connector of a data source look for what is new now, whatever its schedule, in this process or in the one that runs it. It
	// returns false if there is none.
	Ask(name string) (bool, error)
	// Stale says why data sources and connectors are not those that they are configured to be; empty if they are.
	Stale() string
}

// Connector is how a connector does: what fetches the events of a data source.
type Connector struct {
	// Name is that of the data source, Kind that of the place, and Place the place as a person names it.
	Name, Kind, Place string
	// State is one of States, since Since.
	State string
	Since time.Time
	// Error is why it is paused or failing, empty else. NextTry is when it is tried again, zero if it is running.
	Error   string
	NextTry time.Time
	// LastError is the last error there was, at LastErrorAt, also when it is over.
	LastError   string
	LastErrorAt time.Time
	// LastStored is when something was stored.
	LastStored time.Time
	// What there is to read that is not stored; each is negative where that is not known.
	LagMessages, LagBytes, LagSeconds float64
	// What became of what it read, since the process began.
	Rows, Replaced, Rejects, Bytes, Skipped, Retries, Lost, Failed uint64
}

// States are the states of a connector.
var States = [...]string{"starting", "running", "paused", failing, "stopped"}

const failing = "failing"

// Unwell says which parts of a server that takes events does not do what it is configured to do; empty if all do. It names none of them:
// everybody may ask.
func Unwell(of Connectors) string {
	if of == nil {
		return ""
	}
	all, failed := of.Connectors(), 0
	for i := range all {
		if all[i].State == failing {
			failed++
		}
	}
	var reasons []string
	if failed > 0 {
		reasons = append(reasons, fmt.Sprintf("%d of %d connectors fail; the pipe connectors says why", failed, len(all)))
	}
	if stale := of.Stale(); stale != "" {
		reasons = append(reasons, stale)
	}
	if len(reasons) == 0 {
		return ""
	}
	return strings.Join(append(reasons, "Events are taken and queries answered"), ". ")
}

// connectorGauge is a family of what /metrics says of every connector. Its name follows residual_connector_.
type connectorGauge struct {
	name, kind, help string
	// value is negative where there is no sample.
	value func(*Connector) float64
}

var connectorGauges = [...]connectorGauge{
	{"lag_messages", "gauge", "Messages or files to read that are not stored.", func(c *Connector) float64 { return c.LagMessages }},
	{"lag_seconds", "gauge", "Age of the oldest message to read that is not stored.", func(c *Connector) float64 { return c.LagSeconds }},
	{"lag_bytes", "gauge", "Bytes to read that are not stored.", func(c *Connector) float64 { return c.LagBytes }},
	{"rows_total", "counter", "Rows stored.", func(c *Connector) float64 { return float64(c.Rows) }},
	{"rows_replaced_total", "counter", "Rows that were stored already, changed or not.", func(c *Connector) float64 { return float64(c.Replaced) }},
	{"rejects_total", "counter", "Events that went to the quarantine.", func(c *Connector) float64 { return float64(c.Rejects) }},
	{"bytes_total", "counter", "Bytes of events read and stored.", func(c *Connector) float64 { return float64(c.Bytes) }},
	{"skipped_total", "counter", "Messages that are no events by intent.", func(c *Connector) float64 { return float64(c.Skipped) }},
	{"retries_total", "counter", "Attempts after one that failed, or that the store refused.", func(c *Connector) float64 { return float64(c.Retries) }},
	{"lost_total", "counter", "Messages that were gone before they were read.", func(c *Connector) float64 { return float64(c.Lost) }},
	{"failed_total", "counter", "Files that cannot be read, because they are not what they should be.", func(c *Connector) float64 { return float64(c.Failed) }},
	{"last_stored_timestamp_seconds", "gauge", "When something was stored, Unix seconds.", func(c *Connector) float64 { return secondsOrNone(c.LastStored) }},
	{"last_error_timestamp_seconds", "gauge", "When there was an error, Unix seconds.", func(c *Connector) float64 { return secondsOrNone(c.LastErrorAt) }},
}

func secondsOrNone(t time.Time) float64 {
	if t.IsZero() {
		return -1
	}
	return encode.UnixSeconds(t)
}

// Write writes how what fetches events does, for Prometheus; nothing where nothing does.
func Write(w *encode.Exposition, of Connectors) {
	if of == nil {
		return
	}
	all := of.Connectors()
	w.Gauge("residual_project_stale", "Whether the project in use is an earlier one, or a part, of what it is configured to be.", encode.Truth(of.Stale() != ""))
	w.Family("residual_connector_state", "gauge", "The state of a connector: 1 for the one that it is in, 0 for each other.")
	for i := range all {
		for _, state := range States {
			w.Sample("", encode.Truth(all[i].State == state), "datasource", all[i].Name, "state", state)
		}
	}
	for i := range connectorGauges {
		g := &connectorGauges[i]
		w.Family("residual_connector_"+g.name, g.kind, g.help)
		for k := range all {
			if value := g.value(&all[k]); value >= 0 {
				w.Sample("", value, "datasource", all[k].Name)
			}
		}
	}
}
