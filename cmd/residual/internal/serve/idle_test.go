package serve

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestGiveBack lets 128 MiB die, half of them in a pool: they go back to the system once nothing was allocated for a
// while, and not before.
func TestGiveBack(t *testing.T) {
	const size = 2 * busyBytes
	free := func() uint64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64() + s[1].Value.Uint64()
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go giveBack(ctx)
		synctest.Wait()
		runtime.GC()
		debug.FreeOSMemory() // what the tests before left would go at any time
		before := free()
		var pool sync.Pool
		pooled := new([size / 2]byte)
		sink = make([]byte, size/2)
		sink[0] = 1
		require.Greater(t, free(), before+size/2)
		pool.Put(pooled)
		sink = nil
		time.Sleep(idleInterval)
		synctest.Wait()
		require.Greater(t, free(), before+size/4, "much was allocated a moment ago")
		time.Sleep(idleInterval)
		synctest.Wait()
		require.Less(t, free(), before+size/4)
		runtime.KeepAlive(&pool)
		cancel()
		synctest.Wait()
	})
}

// sink keeps what is assigned to it from living on the stack.
var sink []byte
