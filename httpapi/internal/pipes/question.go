package pipes

import (
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/connectors"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/exchange"
	"github.com/residualdb/residual/httpapi/internal/params"
)

// Question is a request to a pipe: what it asks, of which store, and the table for its answer.
type Question struct {
	// Store is a Store of the pipe, see [Pipe.In].
	Store  Store
	Params *params.List
	Table  *encode.Table
	Format *encode.Format
	Now    func() time.Time

	Server Server
	// Set is the pipes of the server.
	Set *Set
	// Connectors is nil where nothing fetches events.
	Connectors connectors.Connectors

	Principal *auth.Principal
	// Within is a pattern of the models that who asks may see, empty for every one. Every query has it for its Within.
	Within string

	// Streams has the memory of answers. Longest is the time of an answer from its question to its last byte, unless it is Unending, which is as in
	// [Pipe].
	Streams  *exchange.Streams
	Longest  time.Duration
	Unending bool
	// holds is what the query behind a long answer takes, 0 where the answer is short.
	holds int64
	// tell, unless it is nil, says in the table of a pulled answer what is known after its last row.
	tell func(t *encode.Table)
}

// Server is what pipes ask of the server beside its store.
type Server interface {
	// HasSource tells whether there is a data source.
	HasSource(name string) bool
	// ModelOf tells the model of a line that was rejected by a data source; ok is false where that is not known.
	ModelOf(source string, line []byte) (model string, ok bool)
	// Status is how the server is.
	Status() Status
}

// addRows makes all rows of an answer the question's.
func addRows[R any](q *Question, rows []R, read engine.Read, add func(t *encode.Table, row *R)) {
	encode.AddRows(q.Table, rows, add)
	tellRead(q.Table, read, q.Within)
}

// tellRead says in the table of an answer what it took. It says nothing to a token that is bounded to models within: how many
// rows are decoded depends on how the store lays them out, in which the rows of other models have a part.
func tellRead(t *encode.Table, r engine.Read, within string) {
	if within == "" {
		t.RowsRead, t.BytesRead = r.Rows, r.Bytes
	}
}
