package engine

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/event"
)

// TestRecordKeepsDuplicates holds that the records of predictions say what the option was when they came.
func TestRecordKeepsDuplicates(t *testing.T) {
	var batch event.Batch
	require.NoError(t, batch.Add(event.Event{Timestamp: time.Unix(1_700_000_000, 0), ModelID: "m", ModelVersion: "v", Environment: "e", PredictionID: "p", Features: "{}"}, event.Rules{}))
	for _, choice := range []Duplicates{DuplicatesReplace, DuplicatesKeep} {
		db, err := Open(t.TempDir(), Options{Duplicates: choice})
		require.NoError(t, err)
		var sent *record.Record
		db.commits.env.index = func(r *record.Record) (func(), error) {
			sent = r
			return func() {}, nil
		}
		_, err = db.Append(context.Background(), &batch)
		require.NoError(t, err)
		require.Equal(t, choice == DuplicatesKeep, sent.Keep, choice)
		require.NoError(t, db.Close())
	}
}
