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
	append func(ctx context.Context, store Store, from *intake, key engine.Key) (engine.Appended, error)
	// appendFrom is append for a data source of a project.
	appendFrom func(ctx context.Context, store OriginStore, from *intake, key engine.Key, o engine.Origin) (engine.Appended, error)
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
		append: func(ctx context.Context, store Store, from *intake, key engine.Key) (engine.Appended, error) {
			if key.ID == "" {
				return store.Append(ctx, &from.batch)
			}
			return store.AppendOnce(ctx, &from.batch, key)
		},
		appendFrom: func(ctx context.Context, store OriginStore, from *intake, key engine.Key, o engine.Origin) (engine.Appended, error) {
			if key.ID == "" {
				return store.AppendFrom(ctx, &from.batch, o)
			}
			return store.AppendOnceFrom(ctx, &from.batch, key, o)
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
		in: func(store any) bool {
			_, ok := store.(ActualsStore)
			return ok
		},
		decode: func(d *event.Decoder, to *intake, body []byte, format event.Format, rules event.Rules) error {
			return d.DecodeActuals(&to.actuals, body, format, rules)
		},
		append: func(ctx context.Context, store Store, from *intake, key engine.Key) (engine.Appended, error) {
			actuals := store.(ActualsStore)
			if key.ID == "" {
				return actuals.AppendActuals(ctx, &from.actuals)
			}
			return actuals.AppendActualsOnce(ctx, &from.actuals, key)
		},
		appendFrom: func(ctx context.Context, store OriginStore, from *intake, key engine.Key, o engine.Origin) (engine.Appended, error) {
			if key.ID == "" {
				return store.AppendActualsFrom(ctx, &from.actuals, o)
			}
			return store.AppendActualsOnceFrom(ctx, &from.actuals, key, o)
		},
		rejects: func(from *intake) []event.Reject { return from.actuals.Rejects },
		rows:    func(from *intake) int { return from.actuals.Len() },
	},
}
