package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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
	// text is for who sent a request, after is when to send it again.
	text  string
	after time.Duration
	traits
}

// traits say what else is known of a fault.
type traits uint8

const (
	// maybeStored: the server may have stored what it was sent.
	maybeStored traits = 1 << iota
	// elsewhere: another replica may do better.
	elsewhere
)

func (t traits) is(x traits) bool { return t&x != 0 }

const (
	// codeUnfinished is that of a statement that is done on some replicas, because others are away.
	codeUnfinished = 341
	// codeTooFewReplicas is that of a block that is not stored, because no quorum of replicas is there.
	codeTooFewReplicas = 285
	// codeTimeout is that of a statement that took longer than it may.
	codeTimeout = 159
)

// codeOf is the code with which a server has answered, 0 where it has not.
func codeOf(err error) int32 {
	if exception, ok := errors.AsType[*ch.Exception](err); ok {
		return exception.Code
	}
	return 0
}

// Faults of more than one code.
var (
	faultOfTables  = fault{ErrSchema, "its tables are not those that this server needs; residual cluster check says what is wrong with them", 30 * time.Second, 0}
	faultOfAccess  = fault{ErrAccess, "it refuses the user of this server, or a right that it needs; residual cluster check says which", 30 * time.Second, 0}
	faultOfBounds  = fault{engine.ErrFull, "a bound that it sets for the user of this server ended the statement", 30 * time.Second, 0}
	faultOfThreads = fault{engine.ErrFull, "it is short of threads or memory", 2 * time.Second, 0}
	faultOfDisk    = fault{engine.ErrUnavailable, "its disk failed", 30 * time.Second, maybeStored | elsewhere}
	faultOfNetwork = fault{engine.ErrUnavailable, "it cannot be reached", 5 * time.Second, maybeStored}
	faultOfStart   = fault{engine.ErrUnavailable, "its tables are not loaded yet", 5 * time.Second, elsewhere}
)

// faults are by the codes of ClickHouse.
var faults = map[int32]fault{
	// What somebody has to change before anything is stored or answered again.
	16:  faultOfTables, // NO_SUCH_COLUMN_IN_TABLE
	47:  faultOfTables, // UNKNOWN_IDENTIFIER
	60:  faultOfTables, // UNKNOWN_TABLE
	81:  faultOfTables, // UNKNOWN_DATABASE
	164: faultOfAccess, // READONLY
	192: faultOfAccess, // UNKNOWN_USER
	497: faultOfAccess, // ACCESS_DENIED
	516: faultOfAccess, // AUTHENTICATION_FAILED

	// Bounds, and what is short.
	158: faultOfBounds,                                                                                         // TOO_MANY_ROWS
	160: faultOfBounds,                                                                                         // TOO_SLOW
	191: faultOfBounds,                                                                                         // SET_SIZE_LIMIT_EXCEEDED
	307: faultOfBounds,                                                                                         // TOO_MANY_BYTES
	396: faultOfBounds,                                                                                         // TOO_MANY_ROWS_OR_BYTES
	201: {engine.ErrFull, "the quota of the user of this server is used up", 30 * time.Second, 0},              // QUOTA_EXCEEDED
	202: {engine.ErrFull, "it answers too many queries", 2 * time.Second, 0},                                   // TOO_MANY_SIMULTANEOUS_QUERIES
	241: {engine.ErrFull, "it is short of memory", 2 * time.Second, 0},                                         // MEMORY_LIMIT_EXCEEDED
	252: {engine.ErrFull, "it has too many parts to merge and takes no more rows for now", 5 * time.Second, 0}, // TOO_MANY_PARTS
	173: faultOfThreads,                                                                                        // CANNOT_ALLOCATE_MEMORY
	439: faultOfThreads,                                                                                        // CANNOT_SCHEDULE_TASK
	745: {engine.ErrFull, "it is overloaded", 5 * time.Second, 0},                                              // SERVER_OVERLOADED

	// Disks.
	243: {engine.ErrNoSpace, "its disk is full", 30 * time.Second, 0}, // NOT_ENOUGH_SPACE
	33:  faultOfDisk,                                                  // CANNOT_READ_ALL_DATA
	74:  faultOfDisk,                                                  // CANNOT_READ_FROM_FILE_DESCRIPTOR
	75:  faultOfDisk,                                                  // CANNOT_WRITE_TO_FILE_DESCRIPTOR
	76:  faultOfDisk,                                                  // CANNOT_OPEN_FILE
	87:  faultOfDisk,                                                  // CANNOT_SEEK_THROUGH_FILE

	// Replicas and their keeper.
	225:                {engine.ErrUnavailable, "its keeper cannot be reached", 5 * time.Second, elsewhere},                                 // NO_ZOOKEEPER
	242:                {engine.ErrUnavailable, "its replicas are read-only, as they are without their keeper", 5 * time.Second, elsewhere}, // TABLE_IS_READ_ONLY
	244:                {engine.ErrUnavailable, "its keeper and it are not of one mind yet", 5 * time.Second, maybeStored | elsewhere},      // UNEXPECTED_ZOOKEEPER_ERROR
	254:                {engine.ErrUnavailable, "none of its replicas is active", 5 * time.Second, 0},                                       // NO_ACTIVE_REPLICAS
	codeTooFewReplicas: {engine.ErrUnavailable, "too few of its replicas are there for a quorum", 5 * time.Second, 0},                       // TOO_FEW_LIVE_REPLICAS
	286:                {engine.ErrUnavailable, "its replicas did not reach a quorum", 5 * time.Second, maybeStored},                        // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
	289:                {engine.ErrUnavailable, "its replicas have not got all that a quorum has", 5 * time.Second, elsewhere},              // REPLICA_IS_NOT_IN_QUORUM
	319:                {engine.ErrUnavailable, "it did not say what became of the rows", 5 * time.Second, maybeStored},                     // UNKNOWN_STATUS_OF_INSERT
	codeUnfinished:     {engine.ErrUnavailable, "some of its replicas are away", 5 * time.Second, maybeStored},                              // UNFINISHED
	415:                {engine.ErrUnavailable, "it has lost its replicas", 30 * time.Second, maybeStored},                                  // ALL_REPLICAS_LOST
	416:                {engine.ErrUnavailable, "its replica changes its state", 5 * time.Second, maybeStored | elsewhere},                  // REPLICA_STATUS_CHANGED
	999:                {engine.ErrUnavailable, "its keeper cannot be reached", 5 * time.Second, maybeStored | elsewhere},                   // KEEPER_EXCEPTION

	// Servers that start, end, or are not reached.
	codeTimeout: {engine.ErrUnavailable, "it did not answer in time", 5 * time.Second, maybeStored},          // TIMEOUT_EXCEEDED
	198:         {engine.ErrUnavailable, "it does not find a server by its name", 5 * time.Second, 0},        // DNS_ERROR
	209:         faultOfNetwork,                                                                              // SOCKET_TIMEOUT
	210:         faultOfNetwork,                                                                              // NETWORK_ERROR
	236:         {engine.ErrUnavailable, "it is being shut down", 5 * time.Second, maybeStored | elsewhere},  // ABORTED
	279:         faultOfNetwork,                                                                              // ALL_CONNECTION_TRIES_FAILED
	394:         {engine.ErrUnavailable, "somebody has stopped the statement", 5 * time.Second, maybeStored}, // QUERY_WAS_CANCELLED
	667:         faultOfStart,                                                                                // NOT_INITIALIZED
	722:         faultOfStart,                                                                                // ASYNC_LOAD_WAIT_FAILED
	733:         faultOfStart,                                                                                // TABLE_IS_BEING_RESTARTED
	1000:        {engine.ErrUnavailable, "its network failed", 5 * time.Second, maybeStored | elsewhere},     // POCO_EXCEPTION
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
		return faults[codeTimeout]
	}
	if noneFree(err) {
		return fault{engine.ErrUnavailable, "all connections to it are in use", time.Second, 0}
	}
	return faultOfNetwork
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
func elsewhereBetter(err error) bool { return faults[codeOf(err)].is(elsewhere) }

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
