package segment

import (
	"slices"

	"github.com/klauspost/compress/zstd"
)

// Scratch is the memory that reading needs, to be used again from call to call. The zero Scratch is ready. It is for
// one goroutine at a time and may serve any number of segments.
type Scratch struct {
	raw        []byte // what a Source read
	block      Columns
	located    locatedBlocks
	edited     Columns // the numbers of the block that Edit works on
	candidates []uint64
	ints       []int64
	values     []float64
	inflated   []byte
	dictionary Text

	shaped [textDepth]shapedScratch

	predicted reference
	actual    decimals

	// opened are the last segments that OpenIn opened, in a ring.
	opened     [openedHeld]*Segment
	openedNext int

	sketches Sketches
	lagged   Bitmap
	lags     []int64

	// lastEnd is the number of the block behind those of the last window. The next one often begins there.
	lastEnd  int
	edges    [edgesHeld]edgeBlock
	edgeNext int
	batch    batch

	zstd *zstd.Decoder
}

// zstdDecoder returns the decoder, made on first need. It starts no goroutines.
func (sc *Scratch) zstdDecoder() *zstd.Decoder {
	if sc.zstd == nil {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(textBytesMax), zstd.WithDecoderLowmem(true))
		if err != nil {
			panic("BUG: zstd decoder options: " + err.Error())
		}
		sc.zstd = d
	}
	return sc.zstd
}

// encoder is the memory that encoding needs.
type encoder struct {
	words     []uint64
	patches   []byte
	diffs     []int64
	exponents []int64
	fractions []int64
	lengths   []int64
	known     []float64
	packed    []byte

	dictionary map[string]int64
	shaped     [textDepth]shapedColumn

	predicted reference
	actual    decimals
	other     decimals

	strips, errors, spreads []byte
	batch                   batch

	sketches Sketches
	lagged   Bitmap
	lags     []int64

	zstd *zstd.Encoder
}

func newEncoder() *encoder {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	if err != nil {
		panic("BUG: zstd encoder options: " + err.Error())
	}
	return &encoder{zstd: z, dictionary: map[string]int64{}}
}

// grow returns *s with length n, its elements undefined.
func grow[S ~[]E, E any](s *S, n int) S {
	*s = slices.Grow((*s)[:0], n)[:n]
	return *s
}
