package workload_test

import (
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/workload"
)

func TestReader(t *testing.T) {
	for name, opts := range everyShape(t) {
		t.Run(name, func(t *testing.T) {
			opts.Rows = 2000
			want := string(lines(opts))
			f := func(wrap func(io.Reader) io.Reader) {
				t.Helper()
				got, err := io.ReadAll(wrap(workload.NewReader(workload.New(opts))))
				require.NoError(t, err)
				require.Equal(t, want, string(got))
			}
			f(func(r io.Reader) io.Reader { return r })
			f(iotest.OneByteReader)
			f(iotest.HalfReader)
			f(func(r io.Reader) io.Reader { return &limited{r, []int{1, 1023, 1024, 1025, 5000}, 0} })
		})
	}
}

// limited reads pieces of the given sizes in turn.
type limited struct {
	r     io.Reader
	sizes []int
	turn  int
}

func (l *limited) Read(p []byte) (int, error) {
	size := l.sizes[l.turn%len(l.sizes)]
	l.turn++
	return l.r.Read(p[:min(size, len(p))])
}
