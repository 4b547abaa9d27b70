package agent

import (
	"crypto/sha256"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// knownMax bounds for how many tokens tools are kept: a server with thousands of pipes describes them in some megabytes.
const knownMax = 16

// described are tools as a server last described them, with the entity tag of the description. Nobody changes them.
type described struct {
	tag   string
	tools []*mcp.Tool
}

// knownTools are the tools of the tokens that asked last. The zero value has none. It is safe for concurrent use.
type knownTools struct {
	mu sync.Mutex
	// Guarded by mu. byToken is by the hash of a token, of which nothing else is kept.
	byToken map[[sha256.Size]byte]described
}

func (k *knownTools) get(token string) described {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.byToken[sha256.Sum256([]byte(token))]
}

func (k *knownTools) put(token string, d described) {
	key := sha256.Sum256([]byte(token))
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.byToken[key]; k.byToken == nil || !ok && len(k.byToken) == knownMax {
		k.byToken = map[[sha256.Size]byte]described{}
	}
	k.byToken[key] = d
}
