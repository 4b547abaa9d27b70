package clickhouse

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/clickhouse/schema"
	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// repeatedFor is for how long a request with a key is known by its rejected lines, where an earlier try has stored these and not its key.
const repeatedFor = time.Hour

// nameRejects names the rejected lines of a request by its key, so that a repetition knows them, and leaves out those that an earlier try has
// stored.
func (s *Store) nameRejects(ctx context.Context, r *request) error {
	if len(r.rejects) == 0 {
		return nil
	}
	sum := sha256.Sum256(append(r.key.Hash[:], r.key.ID...))
	r.importID = hex.EncodeToString(sum[:12])
	var stored atomic.Uint64
	err := s.askThere(func(of *shard) error {
		return of.ask(ctx, "look up rejected lines", func(ctx context.Context, conn driver.Conn) error {
			ctx, cancel := context.WithTimeout(ctx, clockTimeout)
			defer cancel()
			var count uint64
			row := conn.QueryRow(query(ctx), fmt.Sprintf("SELECT count() FROM %s.quarantine WHERE inserted_at >= fromUnixTimestamp64Milli(%d, 'UTC') AND import_id = %s",
				s.config.Database, s.config.Now().Add(-repeatedFor).UnixMilli(), quoted(r.importID)))
			err := row.Scan(&count)
			stored.Add(count)
			return err
		})
	})
	if stored.Load() > 0 {
		r.rejects = nil
	}
	return err
}

// storeRejects stores the rejected lines of requests.
func (s *Store) storeRejects(ctx context.Context, home *shard, requests []*request) error {
	var sources, imports, columns, reasons, lines, places []string
	var at []int64
	var numbers []uint32
	var codes []uint8
	now := s.config.Now().UnixMilli()
	for _, r := range requests {
		for i := range r.rejects {
			x := &r.rejects[i]
			sources, imports, columns, reasons = append(sources, r.source), append(imports, r.importID), append(columns, x.Column), append(reasons, x.Reason)
			lines, places, at = append(lines, string(x.Raw)), append(places, x.Place), append(at, now)
			numbers, codes = append(numbers, uint32(x.Line)), append(codes, uint8(x.Code))
		}
	}
	if len(sources) == 0 {
		return nil
	}
	return s.insertColumns(ctx, home, "store rejected lines", schema.Quarantine, "source, inserted_at, import_id, line_number, error_column, code, reason, line, place",
		sources, at, imports, numbers, columns, codes, reasons, lines, places)
}

// EachReject hands on rejected lines, the newest first, until yield returns false.
func (s *Store) EachReject(ctx context.Context, q engine.QuarantineQuery, yield func(row *engine.QuarantineRow) bool) (engine.Read, error) {
	var read engine.Read
	if q.Limit < 0 {
		return read, fmt.Errorf("%w: limit is %d; it must not be negative", engine.ErrQuery, q.Limit)
	}
	limit := q.Limit
	orDefault(&limit, 100)
	shown := func(*engine.QuarantineRow) bool { return true }
	if q.Within != "" {
		within, modelOf := engine.Names(q.Within), q.ModelOf
		if modelOf == nil {
			modelOf = func(_ string, line []byte) (string, bool) { return event.ModelOf(line) }
		}
		shown = func(row *engine.QuarantineRow) bool {
			model, ok := modelOf(row.Source, row.Line)
			return ok && within.Matches(model)
		}
	}
	var found []engine.QuarantineRow
	for _, of := range s.shards.list {
		rows, err := s.rejectsOf(ctx, of, &q, limit, shown)
		if err != nil {
			return read, s.half(err)
		}
		found = append(found, rows...)
	}
	slices.SortStableFunc(found, func(a, b engine.QuarantineRow) int {
		return cmp.Or(b.InsertedAt.Compare(a.InsertedAt), cmp.Compare(b.Source, a.Source), cmp.Compare(b.ImportID, a.ImportID), cmp.Compare(b.LineNumber, a.LineNumber))
	})
	for i := range found[:min(limit, len(found))] {
		read.Rows++
		read.Bytes += uint64(len(found[i].Line))
		if !yield(&found[i]) {
			break
		}
	}
	return read, nil
}

// rejectsAtOnce is how many lines are asked for at a time where it is not known which of them are shown.
const rejectsAtOnce = 1000

// rejectsOf returns the newest rejected lines of a shard that are shown, of as many as the engine keeps. They are read in the order of the table's
// key, backwards, so that older ones are not; one that was stored twice comes twice in it until a merge.
func (s *Store) rejectsOf(ctx context.Context, of *shard, q *engine.QuarantineQuery, limit int, shown func(*engine.QuarantineRow) bool) (found []engine.QuarantineRow, err error) {
	where := "1"
	if q.Source != "" {
		where = "source = " + quoted(q.Source)
	}
	page := limit
	if q.Within != "" {
		page = max(limit, rejectsAtOnce)
	}
	older := ""
	for looked := 0; len(found) < limit && looked < engine.QuarantineRowsMax; looked += page {
		rows, err := s.rejectsPage(ctx, of, where+older, page)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			if (i == 0 || !sameReject(&rows[i], &rows[i-1])) && shown(&rows[i]) {
				found = append(found, rows[i])
			}
		}
		if len(rows) < page {
			break
		}
		older = " AND " + olderThan(&rows[page-1])
	}
	return found[:min(limit, len(found))], nil
}

func sameReject(a, b *engine.QuarantineRow) bool {
	return a.InsertedAt.Equal(b.InsertedAt) && a.Source == b.Source && a.ImportID == b.ImportID && a.LineNumber == b.LineNumber && string(a.Line) == string(b.Line)
}

// olderThan is that a line comes after another one backwards.
func olderThan(row *engine.QuarantineRow) string {
	at := fmt.Sprintf("fromUnixTimestamp64Milli(%d, 'UTC')", row.InsertedAt.UnixMilli())
	return fmt.Sprintf("inserted_at <= %s AND (inserted_at, source, import_id, line_number, line) < (%[1]s, %s, %s, %d, %s)", at, quoted(row.Source), quoted(row.ImportID), row.LineNumber, quoted(string(row.Line)))
}

// rejectsPage returns the newest lines that fulfil a condition.
func (s *Store) rejectsPage(ctx context.Context, of *shard, where string, most int) (found []engine.QuarantineRow, err error) {
	statement := fmt.Sprintf(`SELECT source, toUnixTimestamp64Milli(inserted_at), import_id, line_number, error_column, code, reason, line, place
FROM %s.quarantine WHERE %s ORDER BY inserted_at DESC, source DESC, import_id DESC, line_number DESC, line DESC LIMIT %d`, s.config.Database, where, most)
	err = of.ask(ctx, "read rejected lines", func(ctx context.Context, conn driver.Conn) error {
		found = found[:0]
		return eachRow(query(ctx), conn, statement, func(rows driver.Rows) error {
			var row engine.QuarantineRow
			var at int64
			var number uint32
			var code uint8
			var line string
			if err := rows.Scan(&row.Source, &at, &row.ImportID, &number, &row.Column, &code, &row.Reason, &line, &row.Place); err != nil {
				return err
			}
			row.InsertedAt, row.LineNumber, row.Code, row.Line = time.UnixMilli(at).UTC(), int(number), event.Code(code), []byte(line)
			found = append(found, row)
			return nil
		})
	})
	return found, err
}
