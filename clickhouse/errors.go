package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"

	"github.com/residualdb/residual/engine"
)

// Classes of errors that a caller branches on, beside those of package engine.
var (
	// ErrURL is returned for the URL of a store that cannot be read.
	ErrURL = errors.New("clickhouse: url")
	// ErrVersion is returned for a server that is older than [OldestVersion].
	ErrVersion = errors.New("clickhouse: server too old")
	// ErrSchema is returned where tables are missing, or are of another version of this program.
	ErrSchema = errors.New("clickhouse: tables")
	// ErrAccess is returned where the server does not let the user in, or do what must be done.
	ErrAccess = errors.New("clickhouse: access")
	// ErrCluster is returned for a cluster that the server does not know, or that cannot hold a store.
	ErrCluster = errors.New("clickhouse: cluster")
)

// fault is what becomes of a code of ClickHouse.
type fault struct {
	class error
	// text is for who sent a request.
	text  string
	after time.Duration
	// unknown is set where the server may have stored what it was sent.
	unknown bool
}

const (
	// codeUnfinished is that of a statement that is done on some replicas, because others are away.
	codeUnfinished = 341
	// codeTooFewReplicas is that of a block that is not stored, because no quorum of replicas is there.
	codeTooFewReplicas = 285
)

// codeOf is the code with which a server has answered, 0 where it has not.
func codeOf(err error) int32 {
	if exception, ok := errors.AsType[*ch.Exception](err); ok {
		return exception.Code
	}
	return 0
}

// What somebody has to change before anything is stored or answered again.
var (
	faultOfTables = fault{ErrSchema, "its tables are not those that this server needs; residual cluster check says what is wrong with them", 30 * time.Second, false}
	faultOfAccess = fault{ErrAccess, "it refuses the user of this server, or a right that it needs; residual cluster check says which", 30 * time.Second, false}
)

// What can happen to any statement.
var (
	faultOfBounds  = fault{engine.ErrFull, "a bound that it sets for the user of this server ended the statement", 30 * time.Second, false}
	faultOfDisk    = fault{engine.ErrUnavailable, "its disk failed", 30 * time.Second, true}
	faultOfThreads = fault{engine.ErrFull, "it is short of threads or memory", 2 * time.Second, false}
)

// faults are by the codes of ClickHouse.
var faults = map[int32]fault{
	60:             faultOfTables,
	81:             faultOfTables,
	16:             faultOfTables,
	47:             faultOfTables,
	516:            faultOfAccess,
	497:            faultOfAccess,
	164:            faultOfAccess,
	192:            faultOfAccess,
	158:            faultOfBounds,
	160:            faultOfBounds,
	191:            faultOfBounds,
	201:            {engine.ErrFull, "the quota of the user of this server is used up", 30 * time.Second, false},
	307:            faultOfBounds,
	396:            faultOfBounds,
	33:             faultOfDisk,
	74:             faultOfDisk,
	75:             faultOfDisk,
	76:             faultOfDisk,
	87:             faultOfDisk,
	173:            faultOfThreads,
	439:            faultOfThreads,
	198:            {engine.ErrUnavailable, "it does not find a server by its name", 5 * time.Second, false},
	415:            {engine.ErrUnavailable, "it has lost its replicas", 30 * time.Second, true},
	252:            {engine.ErrFull, "it has too many parts to merge and takes no more rows for now", 5 * time.Second, false},
	241:            {engine.ErrFull, "it is short of memory", 2 * time.Second, false},
	202:            {engine.ErrFull, "it answers too many queries", 2 * time.Second, false},
	243:            {engine.ErrNoSpace, "its disk is full", 30 * time.Second, false},
	242:            {engine.ErrUnavailable, "its replicas are read-only, as they are without their keeper", 5 * time.Second, false},
	285:            {engine.ErrUnavailable, "too few of its replicas are there for a quorum", 5 * time.Second, false},
	289:            {engine.ErrUnavailable, "its replicas have not got all that a quorum has", 5 * time.Second, false},
	286:            {engine.ErrUnavailable, "its replicas did not reach a quorum", 5 * time.Second, true},
	244:            {engine.ErrUnavailable, "its keeper and it are not of one mind yet", 5 * time.Second, true},
	254:            {engine.ErrUnavailable, "none of its replicas is active", 5 * time.Second, false},
	394:            {engine.ErrUnavailable, "somebody has stopped the statement", 5 * time.Second, true},
	416:            {engine.ErrUnavailable, "its replica changes its state", 5 * time.Second, true},
	667:            {engine.ErrUnavailable, "its tables are not loaded yet", 5 * time.Second, false},
	722:            {engine.ErrUnavailable, "its tables are not loaded yet", 5 * time.Second, false},
	733:            {engine.ErrUnavailable, "its tables are not loaded yet", 5 * time.Second, false},
	745:            {engine.ErrFull, "it is overloaded", 5 * time.Second, false},
	1000:           {engine.ErrUnavailable, "its network failed", 5 * time.Second, true},
	319:            {engine.ErrUnavailable, "it did not say what became of the rows", 5 * time.Second, true},
	159:            {engine.ErrUnavailable, "it did not answer in time", 5 * time.Second, true},
	209:            {engine.ErrUnavailable, "it cannot be reached", 5 * time.Second, true},
	210:            {engine.ErrUnavailable, "it cannot be reached", 5 * time.Second, true},
	279:            {engine.ErrUnavailable, "it cannot be reached", 5 * time.Second, true},
	236:            {engine.ErrUnavailable, "it is being shut down", 5 * time.Second, true},
	999:            {engine.ErrUnavailable, "its keeper cannot be reached", 5 * time.Second, true},
	codeUnfinished: {engine.ErrUnavailable, "some of its replicas are away", 5 * time.Second, true},
	225:            {engine.ErrUnavailable, "its keeper cannot be reached", 5 * time.Second, false},
}

// faultOf reads an error of the client: one that is no exception of the server is of the network.
func faultOf(err error) fault {
	if exception, ok := errors.AsType[*ch.Exception](err); ok {
		if f, ok := faults[exception.Code]; ok {
			return f
		}
		return fault{class: nil}
	}
	if ofValues(err) || errors.Is(err, ErrSchema) {
		return faultOfTables
	}
	if errors.Is(err, errLate) {
		return faults[159]
	}
	if noneFree(err) {
		return fault{engine.ErrUnavailable, "all connections to it are in use", time.Second, false}
	}
	return fault{engine.ErrUnavailable, "it cannot be reached", 5 * time.Second, true}
}

// errLate is returned where the time of the context ended before a server answered.
var errLate = errors.New("the time is over")

// ofValues tells whether a value could not be written or read as what its column is of: somebody has altered the tables.
func ofValues(err error) bool {
	_, converted := errors.AsType[*column.ColumnConverterError](err)
	_, typed := errors.AsType[*column.Error](err)
	_, known := errors.AsType[*column.UnsupportedColumnTypeError](err)
	_, scanned := errors.AsType[*ch.OpError](err)
	return converted || typed || known || scanned
}

// answered tells whether a server has answered, with an exception or with what cannot be read: another replica would say the same.
func answered(err error) bool {
	return codeOf(err) != 0 && !elsewhereBetter(err) || ofValues(err)
}

// elsewhereBetter tells whether an exception is about the replica that threw it: it is read-only, behind the others, without its keeper or on
// its way back to it, starts or ends, or its disk fails.
func elsewhereBetter(err error) bool {
	return slices.Contains([]int32{242, 289, 999, 225, 236, 244, 416, 667, 722, 733, 1000}, codeOf(err)) || ofDisk(err)
}

// ofDisk tells whether the disk of a server failed, which may be in one file of many.
func ofDisk(err error) bool { return faults[codeOf(err)] == faultOfDisk }

// isUntrusted tells whether a server has another certificate than one of an authority that is trusted.
func isUntrusted(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}

// isAway tells whether an error is of a part of the cluster that is not there, unlike one that is there and has to be changed.
func isAway(err error) bool {
	return errors.Is(err, engine.ErrUnavailable) && !errors.Is(err, ErrSchema) && !errors.Is(err, ErrAccess)
}

// wrap says where an error came from, and gives it its class, unless it has one. outcomeUnknown is set where the server was sent what it
// was to store.
func wrap(err error, what string, of *shard, outcomeUnknown bool) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	_, told := errors.AsType[*engine.AwayError](err)
	if told || of == nil && (errors.Is(err, ErrSchema) || errors.Is(err, ErrAccess)) {
		return err
	}
	for _, class := range [...]error{ErrURL, ErrVersion, ErrCluster, engine.ErrClosed, engine.ErrUnavailable, engine.ErrFull, engine.ErrNoSpace, engine.ErrOutcomeUnknown} {
		if errors.Is(err, class) {
			return err
		}
	}
	if of == nil && isUntrusted(err) {
		return fmt.Errorf("%w: %s: its certificate is not trusted; ca=FILE names that of its authority: %w", ErrURL, what, err)
	}
	f := faultOf(err)
	where, part := "", ""
	if of != nil {
		where, part = fmt.Sprintf(" on shard %d (%s)", of.number, of.addresses()), fmt.Sprintf("shard %d of the cluster: ", of.number)
	}
	switch {
	case outcomeUnknown:
		text := f.text
		orDefault(&text, "it failed")
		after := f.after
		orDefault(&after, 5*time.Second)
		return &engine.AwayError{Class: engine.ErrOutcomeUnknown, Text: part + text + "; whether the rows of this request are stored is not known, send it again", RetryAfter: after, Err: fmt.Errorf("%s%s: %w", what, where, err)}
	case f.class == nil:
		return fmt.Errorf("%s%s: %w", what, where, err)
	case errors.Is(f.class, ErrSchema) || errors.Is(f.class, ErrAccess):
		err = fmt.Errorf("%s%s: %w: %w", what, where, f.class, err)
		if of == nil {
			return err
		}
		return &engine.AwayError{Class: engine.ErrUnavailable, Text: part + f.text, RetryAfter: f.after, Err: err}
	}
	return &engine.AwayError{Class: f.class, Text: part + f.text, RetryAfter: f.after, Err: fmt.Errorf("%s%s: %w", what, where, err)}
}

// saying adds to what an error of the cluster says to who has sent the request.
func saying(err error, more string) error {
	if e, ok := errors.AsType[*engine.AwayError](err); ok {
		e.Text += more
	}
	return err
}

// half is the error of a question about all shards while one of several is not there.
func (s *Store) half(err error) error {
	if len(s.shards.list) == 1 {
		return err
	}
	return saying(err, "; an answer without its models would be half of one: ask about models of other shards, or again later")
}
