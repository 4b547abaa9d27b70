package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// scopedKeyPrefix begins the keys that scopedKey makes.
const scopedKeyPrefix = "sha256:"

// scopedKey is the key under which the store knows an idempotency key of a token's holder for a data source: each of them
// has keys of its own. Without tokens, and for predictions, it is the key itself, as stores have it from before keys had
// holders; one that could be taken for another's is not.
func scopedKey(holder, source, key string) string {
	if holder == "" && source == predictionsName && !strings.HasPrefix(key, scopedKeyPrefix) {
		return key
	}
	// Names of holders and sources hold no zero byte, and neither does a key.
	sum := sha256.Sum256([]byte(holder + "\x00" + source + "\x00" + key))
	return scopedKeyPrefix + base64.RawURLEncoding.EncodeToString(sum[:])
}
