package encoding

import (
	"github.com/klauspost/compress/zstd"

	"github.com/residualdb/residual/internal/columns"
)

// Encoder is the memory that encoding needs, to be used again from column to column.
type Encoder struct {
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
}

// NewEncoder returns an encoder.
func NewEncoder() *Encoder { return &Encoder{dictionary: map[string]int64{}} }

// zstdEncoder compresses for all encoders, two at a time: a seal and a merge. It is safe for concurrent use, starts no
// goroutines and touches no memory before its first use. An encoder of zstd has some 4 MiB, which take longer to clear than a
// few blocks to compress: with one for each builder, tests that open and close small stores took 15 % more time.
var zstdEncoder = newZstdEncoder()

func newZstdEncoder() *zstd.Encoder {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	if err != nil {
		panic("BUG: zstd encoder options: " + err.Error())
	}
	z.EncodeAll(nil, nil) // makes the channel within, which a test with a clock of its own must not be the first to do
	return z
}

// Decoder is the memory that decoding needs, to be used again from column to column. The zero Decoder is ready.
type Decoder struct {
	ints       []int64
	values     []float64
	inflated   []byte
	dictionary columns.Text

	shaped [textDepth]shapedScratch

	predicted reference
	actual    decimals

	zstd *zstd.Decoder
}

// zstdDecoder returns the decoder, made on first need. It starts no goroutines.
func (d *Decoder) zstdDecoder() *zstd.Decoder {
	if d.zstd == nil {
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(TextBytesMax), zstd.WithDecoderLowmem(true))
		if err != nil {
			panic("BUG: zstd decoder options: " + err.Error())
		}
		d.zstd = z
	}
	return d.zstd
}
