package event

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// rowOf is a row of a model; its names have slack.
func rowOf(model string) *row {
	r := &row{}
	for c, name := range map[column]string{colModel: model, colVersion: "v1", colEnvironment: "production"} {
		r.setName(c, append(make([]byte, 0, len(name)+slack), name...))
	}
	return r
}

// requireDistinct requires that the cache tells models apart, over and over.
func requireDistinct(t *testing.T, models ...string) {
	t.Helper()
	var c seriesCache
	for _, empty := range []bool{true, true, false} {
		var b Batch
		c.begin(empty)
		for range 3 {
			for i, m := range models {
				require.Equal(t, uint32(i), indexOf(&c, &b, rowOf(m)), "%q", m)
			}
		}
		require.Len(t, b.Series, len(models))
	}
}

// indexOf returns the index of a row's series.
func indexOf(c *seriesCache, b *Batch, r *row) uint32 {
	c.addTo(b, r)
	return b.SeriesOf[len(b.SeriesOf)-1]
}

// letters returns eight random letters as a word.
func letters(r *rand.Rand) uint64 {
	var w uint64
	for range 8 {
		w = w<<8 | uint64('a'+r.IntN(26))
	}
	return w
}

// isText tells whether every byte of a word is printable ASCII.
func isText(w uint64) bool {
	for ; w != 0; w >>= 8 {
		if c := byte(w); c < 0x20 || c >= 0x7F {
			return false
		}
	}
	return true
}

func bytesOf(words ...uint64) []byte {
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// Names made to collide: two long ones of the same hash, and a short one that is
// made of the words of a long one.
func TestSeriesCacheCollisions(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	for {
		// hashText takes a word in as h^w: a second word can make up for the first.
		x, y, second := letters(r), letters(r), letters(r)
		hx, hy := firstRound(x), firstRound(y)
		other := second ^ hx ^ hy
		if x == y || !isText(other) {
			continue
		}
		a, b := bytesOf(x, second), bytesOf(y, other)
		require.Equal(t, hashText(a), hashText(b))
		requireDistinct(t, "model___"+string(a), "model___"+string(b))
		break
	}
	for {
		tail := bytesOf(letters(r), letters(r))
		h := hashText(tail)
		if h>>56 == 0 || !isText(h) {
			continue
		}
		requireDistinct(t, "model___"+string(tail), "model___"+string(bytesOf(h)))
		requireDistinct(t, "model___"+string(bytesOf(h)), "model___"+string(tail))
		break
	}
}

// firstRound is hashText of sixteen bytes after the first eight.
func firstRound(w uint64) uint64 {
	const odd = 0x9E3779B97F4A7C15
	h := (16 ^ w) * odd
	return h ^ h>>32
}

// More series in one place than there are probes push each other out.
func TestSeriesCacheCrowds(t *testing.T) {
	var models []string
	for i := 0; len(models) < 3*cacheProbes; i++ {
		var c seriesCache
		var b Batch
		model := fmt.Sprint("model_", i)
		indexOf(&c, &b, rowOf(model))
		if c.entries[0].hash>>1%cacheSlotsMin == 7 {
			models = append(models, model)
		}
	}
	requireDistinct(t, models...)
}

func TestSeriesCacheLengths(t *testing.T) {
	var models []string
	for n := 1; n < 40; n++ {
		models = append(models, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"[:n])
	}
	requireDistinct(t, models...)
}

// An index of 2^32 batches ago is not taken for one of this batch.
func TestSeriesCacheWraps(t *testing.T) {
	var c seriesCache
	var b Batch
	c.begin(true)
	require.Equal(t, uint32(0), indexOf(&c, &b, rowOf("x")))
	require.Equal(t, uint32(1), indexOf(&c, &b, rowOf("y")))
	c.batch = 1<<32 - 1 // as if so many batches had begun
	b.Reset()
	c.begin(true)
	require.Equal(t, uint32(0), indexOf(&c, &b, rowOf("y")))
	require.Equal(t, uint32(1), indexOf(&c, &b, rowOf("x")))
}
