package pipes

import (
	"context"
	"math"
	"time"

	"github.com/residualdb/residual/httpapi/internal/connectors"
	"github.com/residualdb/residual/httpapi/internal/encode"
)

var connectorsPipe = Pipe{
	Name:        "connectors",
	Description: "How what fetches events does, a row for each data source that is fetched",
	Columns: []encode.Column{
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
	Run: func(_ context.Context, ask *Question) error {
		// What a connector reads is of everybody's models.
		if ask.Connectors == nil || ask.Within != "" {
			return nil
		}
		all := ask.Connectors.Connectors()
		encode.AddRows(ask.Table, all, addConnector)
		return nil
	},
}

func addConnector(t *encode.Table, c *connectors.Connector) {
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
