package httpapi

import (
	"context"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/internal/rowfile"
)

// rowType is what the rows of a data source are, predictions or actuals: how they are read, and how a store takes them.
type rowType struct {
	// name is that of the data source that every store of such rows has.
	name    string
	columns []encode.Column
	// file returns the columns of a CSV or Parquet file.
	file func() []rowfile.Column
	// in reports whether a store has rows of the type.
	in     func(store any) bool
	decode func(d *event.Decoder, to *intake, body []byte, format event.Format, rules event.Rules) error
	// append stores an intake, once if the key is one, with the origin unless that is empty.
	append func(ctx context.Context, store Store, from *intake, key engine.Key, o engine.Origin) (engine.Appended, error)
	// rejects are the kept rejects of an intake, rows the number of its rows.
	rejects func(*intake) []event.Reject
	rows    func(*intake) int
}

const (
	predictionsName = engine.SourcePredictions
	actualsName     = engine.SourceActuals
)

var rowTypes = [...]rowType{
	{
		name: predictionsName,
		columns: []encode.Column{
			{Name: "timestamp", Kind: encode.DateTime},
			{Name: "model_id", Kind: encode.String},
			{Name: "prediction_id", Kind: encode.String},
			{Name: "features", Kind: encode.String},
			{Name: "predicted_value", Kind: encode.Float64},
			{Name: "actual_value", Kind: encode.Float64},
			{Name: "model_version", Kind: encode.String},
			{Name: "environment", Kind: encode.String},
		},
		file: rowfile.Predictions,
		in:   func(any) bool { return true },
		decode: func(d *event.Decoder, to *intake, body []byte, format event.Format, rules event.Rules) error {
			return d.Decode(&to.batch, body, format, rules)
		},
		append: func(ctx context.Context, store Store, from *intake, key engine.Key, o engine.Origin) (engine.Appended, error) {
			switch {
			case o.Source == "" && key.ID == "":
				return store.Append(ctx, &from.batch)
			case o.Source == "":
				return store.AppendOnce(ctx, &from.batch, key)
			case key.ID == "":
				return store.(OriginStore).AppendFrom(ctx, &from.batch, o)
			}
			return store.(OriginStore).AppendOnceFrom(ctx, &from.batch, key, o)
		},
		rejects: func(from *intake) []event.Reject { return from.batch.Rejects },
		rows:    func(from *intake) int { return from.batch.Len() },
	},
	{
		name: actualsName,
		columns: []encode.Column{
			{Name: "model_id", Kind: encode.String},
			{Name: "prediction_id", Kind: encode.String},
			{Name: "actual_value", Kind: encode.Float64},
			{Name: "timestamp", Kind: encode.DateTime},
			{Name: "model_version", Kind: encode.String},
			{Name: "environment", Kind: encode.String},
		},
		file: rowfile.Actuals,
		in:   is[ActualsStore],
		decode: func(d *event.Decoder, to *intake, body []byte, format event.Format, rules event.Rules) error {
			return d.DecodeActuals(&to.actuals, body, format, rules)
		},
		append: func(ctx context.Context, store Store, from *intake, key engine.Key, o engine.Origin) (engine.Appended, error) {
			switch {
			case o.Source == "" && key.ID == "":
				return store.(ActualsStore).AppendActuals(ctx, &from.actuals)
			case o.Source == "":
				return store.(ActualsStore).AppendActualsOnce(ctx, &from.actuals, key)
			case key.ID == "":
				return store.(OriginStore).AppendActualsFrom(ctx, &from.actuals, o)
			}
			return store.(OriginStore).AppendActualsOnceFrom(ctx, &from.actuals, key, o)
		},
		rejects: func(from *intake) []event.Reject { return from.actuals.Rejects },
		rows:    func(from *intake) int { return from.actuals.Len() },
	},
}
