package endpoint

import (
	"context"
	"errors"
	"time"

	"github.com/residualdb/residual/engine"
)

// Errors of a [Set]. The text of each is for who asked.
var (
	// ErrAsk is returned for what is asked in a way that has no answer: a parameter that is none, SQL that sums cannot answer.
	ErrAsk = errors.New("endpoint: cannot be answered")
	// ErrTooMuch is returned for an answer that takes more than it may.
	ErrTooMuch = errors.New("endpoint: too much")
	// ErrForbidden is returned for a statement that reads what who asks may not.
	ErrForbidden = errors.New("endpoint: forbidden")
	// ErrUnknown is returned for an endpoint that a set does not have.
	ErrUnknown = errors.New("endpoint: unknown")
)

// Set is the pipes of a project. A Set without pipes answers SQL all the same.
type Set interface {
	// Endpoints returns those that may be asked by their names, in the order of names. Nobody may change them.
	Endpoints() []Endpoint
	// Run answers. The error is one of this package's, or the store's.
	Run(ctx context.Context, ask *Ask) (*Answer, error)
}

// Endpoint is a pipe that answers under its name.
type Endpoint struct {
	Name, Description string
	Params            []Param
	// Columns are those of the answer as long as no parameter is given; a parameter may make others of them.
	Columns []Column
	// Nodes are those of the pipe, the one that answers last.
	Nodes []Node
	// Tokens are the names of the tokens that may ask it.
	Tokens []string
	// File is the name of the file in its project.
	File string
}

// Node is a node of a pipe.
type Node struct{ Name, Description, SQL string }

// Param is a parameter of an endpoint.
type Param struct {
	Name string
	// Type is that of Tinybird's templates, such as Int32.
	Type string
	// Default counts where HasDefault is set.
	Default                      string
	HasDefault, Required         bool
	Description, Format, Example string
	Enum                         []string
}

// Store is what answers are made of.
type Store interface {
	EachSums(ctx context.Context, q engine.SumsQuery, yield func(row *engine.SumsRow) bool) (engine.Read, error)
	EachRows(ctx context.Context, q engine.RowsQuery, yield func(b *engine.RowBatch) bool) (engine.Read, error)
}

var _ Store = (*engine.DB)(nil)

// AskBytes is how much each question may hold unasked.
const AskBytes = 256 << 10

// Ask is a question to a set.
type Ask struct {
	// Endpoint is asked by its name; empty asks SQL alone.
	Endpoint string
	// SQL, unless it is empty, is a statement. With an endpoint it is about its answer, which is called _ there.
	SQL string
	// Param returns the value of a parameter.
	Param func(name string) (value string, given bool)
	// Page counts from 0, in pages of PageSize rows; PageSize 0 is all rows.
	Page, PageSize int
	// Sees tells which pipes of the set who asks may read, beside the endpoint. Nil is all.
	Sees func(endpoint string) bool

	// Within is a pattern of the models that who asks may see, empty for every one.
	Within string
	// Now is the time of the question.
	Now   time.Time
	Store Store
	// BytesMax bounds what is held at one time: the answer, and what it is made of. Default: 64 MiB.
	BytesMax int64
	// Hold, unless it is nil, is asked for memory beyond [AskBytes], part by part; its error ends the question.
	Hold func(bytes int64) error
}

// Answer is a table.
type Answer struct {
	Columns []Column
	Rows    [][]Value
	Read    engine.Read
	// Format is that of a FORMAT clause, empty without one.
	Format string
	// Limited is set where a limit applied; BeforeLimit is then how many rows there were without it, or at least how many.
	Limited     bool
	BeforeLimit int
}
