package httpapi

import "io"

// CSVRowsForTest is the NDJSON of a CSV file of predictions.
func CSVRowsForTest(file io.Reader, delimiter string) (io.Reader, error) {
	return newCSVRows(file, &sources[0], delimiter)
}

// HashOf is the hash of a short body under an idempotency key.
func HashOf(source, format, body string) [16]byte {
	h := newBodyHasher().start(source, format)
	h.add([]byte(body))
	return h.sum()
}

// DefaultLimits are the limits of a server without options.
func DefaultLimits() Limits { return Limits{}.withDefaults() }

// The limits that are not options.
const (
	MaxHeadBytes       = maxHeadBytes
	MaxQueryBytes      = maxQueryBytes
	MaxPathBytes       = maxPathBytes
	MaxParameterBody   = maxParameterBody
	MaxRequestsPerConn = maxRequestsPerConn
	MaxExpansion       = maxExpansion
	MaxKeyBytes        = maxKeyBytes
	DefaultModelGauges = defaultModelGauges
)
