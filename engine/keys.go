package engine

import "github.com/residualdb/residual/engine/internal/idempotency"

// The idempotency window: a retry within it is answered from memory, one after it is stored as new.
const (
	// KeysMax bounds the window in keys, where Options do not.
	KeysMax = idempotency.KeysMax
	// KeyMemoryBytes is what a key takes of memory, at most: 140 to 212 bytes as the table grows.
	KeyMemoryBytes = idempotency.KeyMemoryBytes
	// KeysAge bounds it in time.
	KeysAge = idempotency.KeysAge
	// KeyBytesMax bounds one key.
	KeyBytesMax = idempotency.KeyBytesMax
)
