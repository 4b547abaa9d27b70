package httpapi

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"time"

	"github.com/residualdb/residual/httpapi/internal/admission"
)

// Limits bounds what one client, and all of them together, can make the server hold or wait for. The zero value is
// the recommended configuration.
type Limits struct {
	// HeaderTimeout is the time for a whole request head, from the first byte or from the start of a connection.
	// Default: 10 s.
	HeaderTimeout time.Duration
	// BodyTimeout is the time for a whole body. Default: 60 s.
	BodyTimeout time.Duration
	// WriteTimeout is the time for a client to take its answer, or how long it may take nothing of a long one. Default: 30 s.
	WriteTimeout time.Duration
	// IdleTimeout is how long a connection may wait for its next request. Default: 75 s.
	IdleTimeout time.Duration
	// QueryTimeout is the time the store has to answer a query. Default: 10 s.
	QueryTimeout time.Duration
	// AppendTimeout is the time the store has to queue a batch. Default: 30 s.
	AppendTimeout time.Duration
	// AdmitTimeout is how long a request with events waits for a slot before its body is read, while IngestsMax are being
	// taken in. Default: 500 ms.
	AdmitTimeout time.Duration

	// BodyBytesMax bounds a body, both as it is sent and decompressed. Default: 64 MiB, near what one record of the
	// log holds.
	BodyBytesMax int64
	// InFlightBytesMax bounds the bytes of all bodies being taken in at one time. Default: 256 MiB.
	InFlightBytesMax int64
	// HeapBytesMax bounds the heap that the last garbage collection left alive: beyond it no events are taken, while
	// queries go on. Default: 0, which is no bound.
	HeapBytesMax int64
	// AnswerTimeout is the time of an answer from its first byte to its last. Default: 5 min.
	AnswerTimeout time.Duration
	// AnswerBytesMax bounds the memory of the answers that are too long to be sent at once. Default: 256 MiB.
	AnswerBytesMax int64
	// ConnsMax bounds open connections, which take up to ConnBytes each. Default: 8192.
	ConnsMax int
	// ConnsPerIPMax bounds open connections from one address. Default: 1024.
	ConnsPerIPMax int
	// IngestsMax and QueriesMax bound requests inside the store, apart from each other so that neither kind starves
	// the other. One that is taken in holds up to about 2 MiB beside its body. Default: 256 each.
	IngestsMax, QueriesMax int
	// BackupsMax bounds the backups being taken at one time: what each of them reads stays on the disk. Default: 2.
	BackupsMax int
	// BackupLease is how long a backup is held for a client that neither reads nor renews it. Default: 1 min.
	BackupLease time.Duration
	// DecodesMax bounds the requests whose lines are decoded at one time; the others wait. Default: the
	// processors less one, at least one, so that publishing, sealing and queries find one of them.
	DecodesMax int
	// RequestsPerSecond bounds the requests of one token, or of one address where there is no token, in bursts of up to
	// one second's worth. Default: 0, which is no bound.
	RequestsPerSecond int
}

// ConnBytes is what a connection takes at most while nothing is taken in or answered at length on it: the memory for a
// head and for an answer of one piece, and a stack.
const ConnBytes = 64 << 10

const (
	// requestsPerConnMax ends a connection now and then, so that clients behind a balancer spread again.
	requestsPerConnMax = 100_000
	// defaultModelGauges is how many models have gauges in /metrics.
	defaultModelGauges = 500
	// keyBytesMax bounds an idempotency key.
	keyBytesMax = 128
)

func (l Limits) withDefaults() Limits {
	orDefault(&l.HeaderTimeout, 10*time.Second)
	orDefault(&l.BodyTimeout, 60*time.Second)
	orDefault(&l.WriteTimeout, 30*time.Second)
	orDefault(&l.IdleTimeout, 75*time.Second)
	orDefault(&l.QueryTimeout, 10*time.Second)
	orDefault(&l.AppendTimeout, 30*time.Second)
	orDefault(&l.AdmitTimeout, 500*time.Millisecond)
	orDefault(&l.BodyBytesMax, 64<<20)
	orDefault(&l.InFlightBytesMax, 256<<20)
	orDefault(&l.AnswerTimeout, 5*time.Minute)
	orDefault(&l.AnswerBytesMax, 256<<20)
	orDefault(&l.ConnsMax, 8192)
	orDefault(&l.ConnsPerIPMax, 1024)
	orDefault(&l.IngestsMax, 256)
	orDefault(&l.DecodesMax, max(1, runtime.GOMAXPROCS(0)-1))
	orDefault(&l.QueriesMax, 256)
	orDefault(&l.BackupsMax, 2)
	orDefault(&l.BackupLease, time.Minute)
	return l
}

func (l Limits) validate() error {
	var errs []error
	for field, value := range reflect.ValueOf(l).Fields() {
		switch field.Name {
		case "HeapBytesMax", "InFlightBytesMax", "RequestsPerSecond":
		default:
			if value.Int() <= 0 {
				errs = append(errs, fmt.Errorf("%s must be positive", field.Name))
			}
		}
	}
	if l.RequestsPerSecond < 0 || l.RequestsPerSecond > admission.RateMax {
		errs = append(errs, fmt.Errorf("RequestsPerSecond is %d; it must be from 0 to %d", l.RequestsPerSecond, admission.RateMax))
	}
	if l.InFlightBytesMax < l.BodyBytesMax {
		errs = append(errs, fmt.Errorf("InFlightBytesMax is %d; it must be at least BodyBytesMax, %d",
			l.InFlightBytesMax, l.BodyBytesMax))
	}
	return errors.Join(errs...)
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
