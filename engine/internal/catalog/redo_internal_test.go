package catalog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/segment"
)

// countedSource counts the bytes that are read of a segment.
type countedSource struct {
	whole []byte
	read  int64
}

func (s *countedSource) Bytes(off, n int64, _ []byte) (b []byte, resident bool, err error) {
	s.read += n
	return s.whole[off : off+n : off+n], true, nil
}

// sealedIn returns a sealed segment of one series over a source of its own.
func sealedIn(t *testing.T, whole []byte) (*Segment, *countedSource) {
	t.Helper()
	src := &countedSource{whole: whole}
	kept, err := segment.Open(src, int64(len(whole)))
	require.NoError(t, err)
	s := &Segment{Source: &store.Source{Size: int64(len(whole))}, Opened: kept}
	s.Series = s.alone[:]
	src.read = 0
	return s, src
}

// TestRedo applies the changes of rows that came while a segment was made, in any order, and compares with one after
// the other. All rows are of one moment, as those of a batch job are, so that only their ids tell where they are: each
// block is read once and not for each change.
func TestRedo(t *testing.T) {
	const rows, changes, at = 8_000, 5_000 / race.Fewer, int64(1_790_000_000_000)
	s := uint64(time.Now().UnixNano())
	t.Logf("seed %d", s)
	r := rand.New(rand.NewPCG(s, 0))

	var c segment.Columns
	for i := range rows {
		id := fmt.Appendf(nil, "id%06d", i-i%100/99) // one in 100 is there twice
		c.AppendRow(at, 1, 2, i%2 == 0, id, []byte("{}"))
	}
	b := segment.NewBuilder(segment.Meta{Model: "m", From: at, To: at + 1})
	require.NoError(t, b.StartSeries("v", "e"))
	require.NoError(t, b.Append(&c))
	whole := b.Finish(nil)

	var all Redo
	for range changes {
		k := head.Change{
			Kind: head.ChangeKind(r.IntN(int(head.DeleteRow) + 1)), Predicted: r.Float64(), Actual: r.Float64(), Features: []byte(`{"x":1}`),
		}
		if k.Kind == head.DeleteRow && r.IntN(10) > 0 {
			k.Kind = head.SetActual
		}
		k.Known = k.Kind == head.SetActual || r.IntN(2) == 0
		all.note(0, at, fmt.Appendf(nil, "id%06d", r.IntN(rows+10)), &k)
	}
	each, _ := sealedIn(t, whole)
	var sc segment.Scratch
	m := new(Model)
	for i := range all.entries {
		require.NoError(t, (&Redo{entries: slices.Clone(all.entries[i : i+1])}).Apply(ModelMonth{Model: m}, each, &sc))
	}
	together, src := sealedIn(t, whole)
	require.NoError(t, all.Apply(ModelMonth{Model: m}, together, new(segment.Scratch)))
	require.LessOrEqual(t, src.read, 3*int64(len(whole)), "bytes read of a segment of %d", len(whole))

	var want, got segment.Columns
	for block := range each.Opened.Series(0).Blocks {
		_, err := each.Opened.ReadBlock(&want, 0, block, segment.AllColumns, &sc)
		require.NoError(t, err)
		_, err = together.Opened.ReadBlock(&got, 0, block, segment.AllColumns, &sc)
		require.NoError(t, err)
		require.Equal(t, want.Len(), got.Len())
		for i := range want.Len() {
			require.Equal(t, want.IDs.At(i), got.IDs.At(i))
			require.Equal(t, want.Features.At(i), got.Features.At(i))
		}
		require.Equal(t, want.Predicted, got.Predicted)
		require.Equal(t, want.Actual, got.Actual)
		require.Equal(t, want.Known, got.Known)
		require.Equal(t, want.Lags, got.Lags)
	}
}
