package httpapi

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// Connectors is what a server shows of what fetches events for it. It is safe for concurrent use, and answers at once.
type Connectors interface {
	// Connectors returns how each connector does, by name.
	Connectors() []Connector
	// Ask has the connector of a data source look for what is new now, whatever its schedule. It returns false if there is none.
	Ask(name string) bool
	// Stale says why data sources and connectors are not those that they are configured to be; empty if they are.
	Stale() string
}

// Connector is how a connector does: what fetches the events of a data source.
type Connector struct {
	// Name is that of the data source, Kind that of the place, and Place the place as a person names it.
	Name, Kind, Place string
	// State is one of ConnectorStates, since Since.
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

// ConnectorStates are the states of a connector.
var ConnectorStates = [...]string{"starting", "running", connectorPaused, connectorFailing, "stopped"}

const connectorPaused, connectorFailing = "paused", "failing"

var connectorsPipe = pipe{
	name:        "connectors",
	description: "How what fetches events does, a row for each data source that is fetched",
	columns: []encode.Column{
		{Name: "name", Kind: encode.String},
		{Name: "kind", Kind: encode.String},
		{Name: "place", Kind: encode.String},
		{Name: "state", Kind: encode.String},
		{Name: "since", Kind: encode.DateTime},
		{Name: "error", Kind: encode.NullableString},
		{Name: "next_try", Kind: encode.NullableString},
		{Name: "last_error", Kind: encode.NullableString},
		{Name: "last_error_at", Kind: encode.NullableString},
		{Name: "last_stored", Kind: encode.NullableString},
		{Name: "lag_messages", Kind: encode.NullableFloat64},
		{Name: "lag_seconds", Kind: encode.NullableFloat64},
		{Name: "lag_bytes", Kind: encode.NullableFloat64},
		{Name: "rows", Kind: encode.UInt64},
		{Name: "replaced", Kind: encode.UInt64},
		{Name: "rejects", Kind: encode.UInt64},
		{Name: "bytes", Kind: encode.UInt64},
		{Name: "skipped", Kind: encode.UInt64},
		{Name: "retries", Kind: encode.UInt64},
		{Name: "lost", Kind: encode.UInt64},
		{Name: "failed", Kind: encode.UInt64},
	},
	overTime: true, // for Prometheus there is /metrics
	run: func(_ context.Context, ask *question) error {
		// What a connector reads is of everybody's models.
		if ask.connectors == nil || ask.within != "" {
			return nil
		}
		all := ask.connectors.Connectors()
		encode.AddRows(ask.table, all, addConnector)
		return nil
	},
}

func addConnector(t *encode.Table, c *Connector) {
	t.Add(
		encode.Text(c.Name), encode.Text(c.Kind), encode.Text(c.Place), encode.Text(c.State), encode.Moment(c.Since), encode.Text(c.Error), timeOrNull(c.NextTry),
		encode.Text(c.LastError), timeOrNull(c.LastErrorAt), timeOrNull(c.LastStored),
		lagOrNull(c.LagMessages), lagOrNull(c.LagSeconds), lagOrNull(c.LagBytes),
		encode.Whole(c.Rows), encode.Whole(c.Replaced), encode.Whole(c.Rejects), encode.Whole(c.Bytes), encode.Whole(c.Skipped), encode.Whole(c.Retries), encode.Whole(c.Lost), encode.Whole(c.Failed),
	)
}

func timeOrNull(t time.Time) encode.Cell {
	if t.IsZero() {
		return encode.Text("")
	}
	return encode.Text(t.UTC().Format(time.DateTime))
}

func lagOrNull(lag float64) encode.Cell {
	if lag < 0 {
		return encode.Number(math.NaN())
	}
	return encode.Number(lag)
}

// postSync serves POST /v0/datasources/<name>/sync: the connector of the data source looks for what is new.
func (s *Server) postSync(c *call) error {
	name, _ := cutSource(string(c.target.Path))
	src, err := c.source(name)
	if err != nil {
		return err
	}
	if err := c.principal.Allow(auth.Scope{Kind: auth.AppendSource, Name: src.name}); err != nil {
		return err
	}
	if c.principal.Within != "" {
		return problem.Forbidden("the token %s is bounded to models, and what is fetched is of any", problem.Shown(c.principal.Name))
	}
	if s.opts.Connectors == nil || !s.opts.Connectors.Ask(src.name) {
		return problem.BadRequest("the data source %s is not fetched: it has no connector", problem.Shown(src.name))
	}
	if err := c.sendJSON(map[string]string{"datasource": src.name, "status": "asked"}); err != nil {
		return err
	}
	c.ctx.SetStatusCode(fasthttp.StatusAccepted)
	return nil
}

// unwell says which parts of a server that takes events does not do what it is configured to do; empty if all do. It names none of them:
// everybody may ask.
func (s *Server) unwell() string {
	if s.opts.Connectors == nil {
		return ""
	}
	all, failing := s.opts.Connectors.Connectors(), 0
	for i := range all {
		if all[i].State == connectorFailing {
			failing++
		}
	}
	var reasons []string
	if failing > 0 {
		reasons = append(reasons, fmt.Sprintf("%d of %d connectors fail; the pipe connectors says why", failing, len(all)))
	}
	if stale := s.opts.Connectors.Stale(); stale != "" {
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
	return unixSeconds(t)
}

// writeConnectors writes how what fetches events does.
func writeConnectors(w *encode.Exposition, connectors Connectors) {
	if connectors == nil {
		return
	}
	all := connectors.Connectors()
	w.Gauge("residual_project_stale", "Whether the project in use is an earlier one, or a part, of what it is configured to be.", encode.Truth(connectors.Stale() != ""))
	w.Family("residual_connector_state", "gauge", "The state of a connector: 1 for the one that it is in, 0 for each other.")
	for i := range all {
		for _, state := range ConnectorStates {
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
