package segment

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/random"
)

// goldenRows are the rows of the golden segment: three series, of which the first has two blocks.
func goldenRows() []testSeries {
	var steady, short, waiting Columns
	for i := range blockRows + 3 {
		p := float64(i%977) / 100
		steady.AppendRow(monthFrom+int64(i)*1000, p, p+float64(i%7)/4, i%10 > 0, fmt.Appendf(nil, "pred_%d", 7*i),
			fmt.Appendf(nil, `{"feature1":%d,"feature2":%.1f}`, i%5, float64(i%3)/2))
		if i >= blockRows && i%10 > 0 {
			steady.Lags[i] = int64(i%4) * 3_600_000
		}
	}
	short.AppendRow(monthFrom, 0.1, 0.3, true, []byte("3f2504e0-4f89-41d3-9a0c-0305e82c3301"), []byte(`{}`))
	short.AppendRow(monthTo-1, -1e300, 5e-324, true, []byte("6fa459ea-ee8a-4ca4-894e-db77e160355e"), []byte(`{"a":"b"}`))
	waiting.AppendRow(monthFrom+5, 42, 0, false, []byte("only"), nil)
	return []testSeries{{"v1", "production", &steady}, {"v1", "staging", &short}, {"v2", "production", &waiting}}
}

// annotate dumps a segment with the name of each part.
func annotate(t *testing.T, b []byte) string {
	t.Helper()
	var out strings.Builder
	at := int64(0)
	part := func(n int64, format string, args ...any) {
		fmt.Fprintf(&out, "# %d: %s\n", at, fmt.Sprintf(format, args...))
		for end := at + n; at < end; {
			line := min(end-at, 32)
			fmt.Fprintf(&out, "%x\n", b[at:at+line])
			at += line
		}
	}
	s := open(t, b)
	part(8, "magic")
	part(2, "version")
	part(2, "zero")
	part(4, "checksum of the header")
	for i := range s.NumSeries() {
		e := s.dir.series[i]
		for j := range e.blockCount {
			ref := s.dir.blocks[e.firstBlock+j]
			for ch, name := range []string{"numbers", "ids", "features", "lags", "sketches"} {
				if ref.lens[ch] == 0 {
					continue
				}
				part(int64(ref.lens[ch])-checksumLen, "series %d, block %d: %s", i, j, name)
				part(checksumLen, "checksum")
			}
		}
	}
	for at < int64(len(b))-trailerLen {
		size, n := binary.Uvarint(b[at+1:])
		name := map[byte]string{sectionMeta: "meta", sectionSeries: "series", sectionBlocks: "blocks", sectionSketches: "sketches"}[b[at]]
		part(int64(1+n), "section %d, %s, %d bytes", b[at], name, size)
		part(int64(size), "%s", name)
	}
	part(8, "length of the sections")
	part(4, "checksum of the sections")
	part(4, "checksum of the trailer")
	part(8, "magic")
	return out.String()
}

func TestGoldenSegment(t *testing.T) {
	path := filepath.Join("testdata", fmt.Sprintf("segment-v%d.txt", formatVersion))
	if *rewriteFlag {
		require.NoError(t, os.WriteFile(path, []byte(annotate(t, build(t, goldenRows()))), 0o600))
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			digits.WriteString(strings.TrimSpace(line))
		}
	}
	b, err := hex.DecodeString(digits.String())
	require.NoError(t, err)
	requireSeries(t, goldenRows(), open(t, b))
	require.Equal(t, string(text), annotate(t, build(t, goldenRows())))
}

func TestEveryDamageIsFound(t *testing.T) {
	b := build(t, goldenRows()[1:])
	var sc Scratch
	for n := range b {
		err := Verify(Memory(b[:n]), int64(n), &sc)
		require.ErrorIs(t, err, ErrCorrupt, "%d bytes", n)
	}
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			err := Verify(Memory(b), int64(len(b)), &sc)
			require.True(t, errors.Is(err, ErrCorrupt) || errors.Is(err, ErrVersion) && i < headerLen, "bit %d of byte %d: %v", bit, i, err)
			b[i] ^= 1 << bit
		}
	}
}

// reseal puts blocks and sections together with checksums that hold.
func reseal(blocks, sections []byte) []byte {
	b := append(appendHeader(nil), blocks...)
	b = append(b, sections...)
	trailer := len(b)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(sections)))
	b = binary.LittleEndian.AppendUint32(b, checksum(sections))
	return append(appendChecksum(b, trailer), trailerMagic...)
}

// parts undoes reseal.
func parts(t testing.TB, b []byte) (blocks, sections []byte) {
	t.Helper()
	n, _, err := decodeTrailer(b[len(b)-trailerLen:])
	require.NoError(t, err)
	end := len(b) - trailerLen - int(n)
	return b[headerLen:end], b[end : len(b)-trailerLen]
}

func TestSectionsOfAnotherVersion(t *testing.T) {
	b := build(t, goldenRows())
	blocks, sections := parts(t, b)
	require.Equal(t, b, reseal(blocks, sections))

	optional := append([]byte{}, sections...)
	optional = append(optional, sectionOptional+3, 2, 1, 2)
	requireSeries(t, goldenRows(), open(t, reseal(blocks, optional)))

	required := append([]byte{}, sections...)
	required = append(required, sectionSketches+1, 0)
	_, err := Open(Memory(reseal(blocks, required)), int64(len(b)+2))
	require.ErrorIs(t, err, ErrVersion)

	b[len(headerMagic)]++
	_, err = Open(Memory(b), int64(len(b)))
	require.ErrorIs(t, err, ErrVersion)
}

// FuzzOpen reads sections and blocks whose checksums hold, so that damage gets past them.
func FuzzOpen(f *testing.F) {
	r := random.Rand(f)
	for _, series := range [][]testSeries{goldenRows()[1:], randomSeries(r, steadyRows, 20), randomSeries(r, wildRows, 20), nil} {
		blocks, sections := parts(f, build(f, series))
		f.Add(blocks, sections)
	}
	f.Fuzz(func(t *testing.T, blocks, sections []byte) {
		b := reseal(blocks, sections)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s, err := Open(Memory(b), int64(len(b)))
		runtime.ReadMemStats(&after)
		require.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<10+64*len(b)))
		if err != nil {
			require.True(t, errors.Is(err, ErrCorrupt) || errors.Is(err, ErrVersion), "%v", err)
			return
		}
		var sc Scratch
		if err := Verify(Memory(b), int64(len(b)), &sc); err != nil {
			require.ErrorIs(t, err, ErrCorrupt)
		}
		for i := range s.NumSeries() {
			var a Aggregate
			_, err := s.AddWindow(&a, new(Sketches), Window{i, monthFrom, monthFrom + 1000, WantAll}, &sc)
			require.True(t, err == nil || errors.Is(err, ErrCorrupt))
		}
	})
}

// FuzzBlock reads a block behind its checksums.
func FuzzBlock(f *testing.F) {
	r := random.Rand(f)
	e, sc := newEncoder(), new(Scratch)
	for _, draw := range drawings() {
		for _, n := range []int{1, 9, 70} {
			var c Columns
			draw(r, &c, n)
			b, lens := e.appendBlock(nil, sorted(&c), new(Aggregate))
			for ch, at := chunkNumbers, uint32(0); ch < chunks; ch++ {
				if lens[ch] > 0 {
					f.Add(b[at:at+lens[ch]-checksumLen], uint16(n), uint8(ch))
				}
				at += lens[ch]
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, n uint16, ch uint8) {
		var c Columns
		var err error
		switch rows := int(n)%2000 + 1; chunk(ch % uint8(chunks)) {
		case chunkSketches:
			err = new(Sketches).AddStored(b)
		case chunkIDs, chunkFeatures:
			err = sc.decodeChunk(&c, chunkIDs, b, rows)
			require.True(t, err != nil || c.IDs.Len() == rows)
		default:
			err = sc.decodeChunk(&c, chunk(ch%uint8(chunks)), b, rows)
		}
		require.True(t, err == nil || errors.Is(err, ErrCorrupt), "%v", err)
	})
}
