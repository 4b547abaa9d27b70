package record

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/columns"
)

// TestRecordOfActualsRefuses gives numbers that do not fit each other, each in a record that is sound otherwise.
func TestRecordOfActualsRefuses(t *testing.T) {
	type numbers struct {
		models, scopes, rows, modelOf, scopeOf uint64
		known                                  byte
		value                                  float64
	}
	encode := func(n numbers) []byte {
		dst := []byte{0, 1} // flags, time
		for _, v := range []uint64{n.models, n.scopes, n.rows, n.modelOf, n.modelOf} {
			dst = binary.AppendUvarint(dst, v)
		}
		if n.scopes > 1 {
			dst = binary.AppendUvarint(binary.AppendUvarint(dst, 0), n.scopeOf)
		}
		dst = append(dst, n.known)
		for range 2 {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(n.value))
		}
		dst = append(dst, 0, 0) // observed
		text := columns.AppendText(nil, "m")
		for range min(n.scopes, 3) {
			text = columns.AppendText(columns.AppendText(text, "v"), "")
		}
		text = append(text, 1, 1, 'a', 'b') // ids
		text = append(text, 0, 0)           // rejects
		dst = binary.AppendUvarint(dst, uint64(len(text)))
		return append(dst, s2.Encode(nil, text)...)
	}
	f := func(name string, change func(*numbers), sound bool) {
		t.Helper()
		n := numbers{models: 1, scopes: 2, rows: 2, scopeOf: 1, known: 3, value: 1}
		change(&n)
		var d Decoder
		var r Record
		err := d.Decode(&r, KindActuals, encode(n))
		if sound {
			require.NoError(t, err, name)
			requireSound(t, r.Actuals, name)
			return
		}
		require.ErrorIs(t, err, base.ErrCorrupt, name)
	}
	f("sound", func(*numbers) {}, true)
	f("one scope", func(n *numbers) { n.scopes = 1 }, true)
	f("withdrawals", func(n *numbers) { n.known, n.value = 0, 0 }, true)
	f("bits behind the last row", func(n *numbers) { n.known = 0xff }, true)
	f("more scopes than rows", func(n *numbers) { n.scopes = 3 }, false)
	f("a number of scopes that would wrap", func(n *numbers) { n.scopes = math.MaxUint64 }, false)
	f("no scope at all", func(n *numbers) { n.scopes = 0 }, false)
	f("a row of a scope beyond", func(n *numbers) { n.scopeOf = 2 }, false)
	f("a row of a model beyond", func(n *numbers) { n.modelOf = 1 }, false)
	f("more models than text", func(n *numbers) { n.models = 1 << 40 }, false)
	f("more rows than bytes", func(n *numbers) { n.rows = 1 << 40 }, false)
	f("a withdrawal with a value", func(n *numbers) { n.known = 1 }, false)
}

// requireSound holds that the columns of actuals fit each other.
func requireSound(t *testing.T, a *event.Actuals, name string) {
	t.Helper()
	n := a.Len()
	for _, column := range []int{len(a.ModelOf), len(a.ScopeOf), len(a.Observed), a.IDs.Len()} {
		require.Equal(t, n, column, name)
	}
	require.Len(t, a.Known, (n+63)/64, name)
	require.LessOrEqual(t, len(a.Scopes), n, name)
	for i, v := range a.Values {
		require.Less(t, int(a.ModelOf[i]), len(a.Models), name)
		require.Less(t, int(a.ScopeOf[i]), len(a.Scopes), name)
		require.False(t, math.IsNaN(v) || math.IsInf(v, 0), name)
		require.True(t, v == 0 || a.Known.Get(i), name)
	}
}

// TestRecordFlags holds that a record of each type has its flags and no other.
func TestRecordFlags(t *testing.T) {
	var e Encoder
	for name, r := range goldenRecords(t) {
		payload := append([]byte(nil), e.Encode(r.Record)...)
		for bit := range 8 {
			flags := byte(1) << bit
			if flags == flagKeyed || flags == flagDoubted || flags == flagKeep && r.Kind() == KindPredictions ||
				flags == flagOrigin && r.Kind() != KindDeletion {
				continue
			}
			payload[0] |= flags
			var d Decoder
			require.ErrorIs(t, d.Decode(new(Record), r.Kind(), payload), base.ErrVersion, "%s with flag %d", name, flags)
			payload[0] &^= flags
		}
	}
}
