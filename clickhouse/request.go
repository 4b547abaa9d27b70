package clickhouse

import (
	"fmt"
	"math"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// request is an append that waits for its block to be stored.
type request struct {
	batch   *event.Batch
	actuals *event.Actuals
	source  string
	rejects []event.Reject
	// rejected counts all of them.
	rejected  int
	positions []engine.Position
	key       *engine.Key
	importID  string

	done chan error
}

// counts are the rejected lines of it by code.
func (r *request) counts() event.Counts {
	if r.batch != nil {
		return r.batch.Rejected
	}
	return r.actuals.Rejected
}

// rows is how many rows it has.
func (r *request) rows() int {
	if r.batch != nil {
		return r.batch.Len()
	}
	return r.actuals.Len()
}

// check takes what a request consists of, and refuses what no decoder makes.
func (s *Store) check(r *request, o *engine.Origin) error {
	source := engine.SourcePredictions
	if r.batch != nil {
		b := r.batch
		r.rejects, r.rejected = b.Rejects, b.Rejected.Total()
		n, newest := b.Len(), s.Rules().Newest
		if len(b.SeriesOf) != n || len(b.Predicted) != n || len(b.Actual) != n || b.IDs.Len() != n || b.Features.Len() != n {
			return fmt.Errorf("%w: columns of different lengths", engine.ErrBatch)
		}
		for i, ts := range b.Timestamps {
			if ts < 0 || ts > newest || int(b.SeriesOf[i]) >= len(b.Series) || !isFinite(b.Predicted[i]) || !isFinite(b.Actual[i]) {
				return fmt.Errorf("%w: row %d has timestamp %d, series %d of %d, prediction %g and actual %g", engine.ErrBatch, i, ts, b.SeriesOf[i], len(b.Series), b.Predicted[i], b.Actual[i])
			}
		}
	} else {
		a := r.actuals
		source = engine.SourceActuals
		r.rejects, r.rejected = a.Rejects, a.Rejected.Total()
		for i, v := range a.Values {
			if int(a.ModelOf[i]) >= len(a.Models) || int(a.ScopeOf[i]) >= len(a.Scopes) || !isFinite(v) {
				return fmt.Errorf("%w: actual %d", engine.ErrBatch, i)
			}
		}
	}
	orDefault(&o.Source, source)
	r.source = o.Source
	if len(o.Source) > engine.SourceBytesMax || len(o.Positions) > engine.PositionsAtOnceMax {
		return fmt.Errorf("%w: a source of %d bytes with %d positions", engine.ErrBatch, len(o.Source), len(o.Positions))
	}
	for _, p := range o.Positions {
		orDefault(&p.Source, o.Source)
		if len(p.Source) > engine.SourceBytesMax || len(p.Part) > engine.PositionBytesMax || len(p.Value) > engine.PositionBytesMax {
			return fmt.Errorf("%w: a position of source %q is too long", engine.ErrBatch, p.Source)
		}
		r.positions = append(r.positions, p)
	}
	return nil
}

func isFinite(v float64) bool { return !math.IsInf(v, 0) && !math.IsNaN(v) }

// shardsWith are the shards that have rows of a request.
func (s *Store) shardsWith(r *request) map[*shard]struct{} {
	of := map[*shard]struct{}{}
	if r.batch != nil {
		for i := range r.batch.Series {
			of[s.shards.of(r.batch.Series[i].Model)] = struct{}{}
		}
	} else {
		for _, model := range r.actuals.Models {
			of[s.shards.of(model)] = struct{}{}
		}
	}
	return of
}

// months is how many months rows of predictions are of, 2 for more than one.
func (r *request) months() int {
	if r.batch == nil || r.batch.Len() == 0 {
		return 1
	}
	low, high := r.batch.Timestamps[0], r.batch.Timestamps[0]
	for _, ts := range r.batch.Timestamps {
		low, high = min(low, ts), max(high, ts)
	}
	if monthOf(low) != monthOf(high) {
		return 2
	}
	return 1
}

// without are the requests that have not failed.
func without(requests []*request, errs []error) (rest []*request) {
	for i, r := range requests {
		if errs[i] == nil {
			rest = append(rest, r)
		}
	}
	return rest
}

// month is that of the block of a request of one shard and month.
func (r *request) month() int {
	if r.batch == nil || r.batch.Len() == 0 {
		return 0
	}
	return monthOf(r.batch.Timestamps[0])
}

// announcedBytes is about how many bytes the columns of a request take.
func (r *request) announcedBytes() int {
	if r.batch != nil {
		return len(r.batch.IDs.Bytes) + len(r.batch.Features.Bytes) + 256*len(r.batch.Series) + 29*r.rows()
	}
	return len(r.actuals.IDs.Bytes) + 256*(len(r.actuals.Models)+len(r.actuals.Scopes)) + 22*r.rows()
}
