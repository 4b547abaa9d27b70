package columns_test

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/columns"
)

var errCorrupt = errors.New("corrupt")

// Numbers of every length, with little and much behind them, are those of encoding/binary; none is read that is cut off
// or longer than it need be.
func TestCursorReadsNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		v := r.Uint64() >> r.IntN(64)
		b := binary.AppendUvarint(nil, v)
		n := len(b)
		for range r.IntN(10) {
			b = append(b, byte(r.Uint32()))
		}
		c := columns.NewCursor(b, errCorrupt)
		require.Equal(t, v, c.Uvarint())
		require.NoError(t, c.Err)
		require.Len(t, c.Rest, len(b)-n)

		signed, _ := binary.Varint(b)
		c = columns.NewCursor(b, errCorrupt)
		require.Equal(t, signed, c.Varint())

		cut := columns.NewCursor(b[:n-1], errCorrupt)
		require.Zero(t, cut.Uvarint())
		require.ErrorIs(t, cut.Err, errCorrupt)

		longer := slices.Insert(slices.Clone(b), n, 0) // the same with a byte too many
		longer[n-1] |= 0x80
		c = columns.NewCursor(longer, errCorrupt)
		require.Zero(t, c.Uvarint())
		require.ErrorIs(t, c.Err, errCorrupt)
	}
}

func TestCursorReadsFields(t *testing.T) {
	b := []byte{7}
	b = binary.LittleEndian.AppendUint32(b, 8)
	b = binary.LittleEndian.AppendUint64(b, 9)
	b = binary.AppendUvarint(b, math.MaxUint32)
	b = columns.AppendText(columns.AppendText(b, "text"), []byte{})
	b = binary.AppendUvarint(b, 2)
	b = append(b, "abcd"...)

	read := func(b []byte) error {
		c := columns.NewCursor(b, errCorrupt)
		if c.Uint8() != 7 || c.Uint32() != 8 || c.Uint64() != 9 || c.Uvarint32() != math.MaxUint32 ||
			string(c.Text()) != "text" || len(c.Text()) != 0 || c.Count(2, "pairs") != 2 || string(c.Bytes(4)) != "abcd" {
			c.Fail("other fields")
		}
		return c.End()
	}
	require.NoError(t, read(b))
	for n := range b {
		require.ErrorIs(t, read(b[:n]), errCorrupt)
	}
	require.ErrorIs(t, read(append(b, 0)), errCorrupt)
}

func TestCursorRefuses(t *testing.T) {
	f := func(name string, b []byte, read func(c *columns.Cursor)) {
		t.Helper()
		c := columns.NewCursor(b, errCorrupt)
		read(&c)
		require.ErrorIs(t, c.Err, errCorrupt, name)
		require.Empty(t, c.Rest, name)
		first := c.Err
		c.Fail("later")
		require.Zero(t, c.Uvarint(), name)
		require.Zero(t, c.Uint64(), name)
		require.Equal(t, first, c.End(), name)
	}
	five := binary.AppendUvarint(nil, 5)
	f("bytes", []byte{1}, func(c *columns.Cursor) { c.Bytes(2) })
	f("negative", []byte{1}, func(c *columns.Cursor) { c.Bytes(-1) })
	f("text", append(five, "text"...), func(c *columns.Cursor) { c.Text() })
	f("count", append(five, "123456789"...), func(c *columns.Cursor) { c.Count(2, "pairs") })
	f("huge count", binary.AppendUvarint(nil, math.MaxUint64), func(c *columns.Cursor) { c.Count(1, "bytes") })
	f("33 bits", binary.AppendUvarint(nil, 1<<32), func(c *columns.Cursor) { c.Uvarint32() })
	f("part", []byte("whole"), func(c *columns.Cursor) {
		part := columns.NewCursor(c.Bytes(2), errCorrupt)
		part.Uint8()
		c.Finish(&part)
	})
}
