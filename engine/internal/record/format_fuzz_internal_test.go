package record

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/testing/golden"
	"github.com/residualdb/residual/internal/testing/memory"
)

// requireDeclared holds that an error is of a class for damage.
func requireDeclared(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, base.ErrCorrupt) && !errors.Is(err, base.ErrVersion) {
		t.Fatalf("not a declared error: %v", err)
	}
}

func FuzzRecord(f *testing.F) {
	for name, r := range goldenRecords(f) {
		f.Add(r.kind, golden.Read(f, name))
	}
	f.Fuzz(func(t *testing.T, kind uint8, payload []byte) {
		var d Decoder
		var r Record
		var err error
		n := memory.Allocated(func() { err = d.Decode(&r, kind, payload) })
		require.LessOrEqual(t, n, uint64(64*(len(payload)+cap(d.text))+64<<10)) // the text was compressed
		require.LessOrEqual(t, cap(d.text), textBytesMax*3/2)
		requireDeclared(t, err)
		if err != nil {
			return
		}
		var e Encoder
		var again Decoder
		var read Record
		require.NoError(t, again.Decode(&read, r.Kind(), bytes.Clone(e.Encode(&r))))
		require.Equal(t, r.At, read.At)
		require.Equal(t, r.Rows(), read.Rows())
		require.Equal(t, r.Origin, read.Origin)
	})
}
