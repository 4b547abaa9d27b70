package negotiate_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi/internal/negotiate"
)

func TestAccept(t *testing.T) {
	f := func(want negotiate.Coding, plain, ok bool, headers ...string) {
		t.Helper()
		var values [][]byte
		for _, h := range headers {
			values = append(values, []byte(h))
		}
		a, accepted := negotiate.Accept(values)
		require.Equal(t, ok, accepted)
		if ok {
			require.Equal(t, negotiate.Accepted{Coding: want, Plain: plain}, a)
		}
	}
	f(negotiate.Identity, true, true)
	f(negotiate.Identity, true, true, "")
	f(negotiate.Identity, true, true, "br")
	f(negotiate.Gzip, true, true, "gzip")
	f(negotiate.Gzip, true, true, "GZip , deflate")
	f(negotiate.Gzip, true, true, "x-gzip")
	f(negotiate.Zstd, true, true, "gzip, deflate, br, zstd")
	f(negotiate.Zstd, true, true, "gzip", "zstd")
	f(negotiate.Gzip, true, true, "gzip;q=1.0, zstd;q=0.5")
	f(negotiate.Gzip, true, true, "gzip ; Q = 0.2, zstd;q=0")
	f(negotiate.Gzip, true, true, "gzip;q=0.001")
	f(negotiate.Identity, true, true, "gzip;q=0")
	f(negotiate.Identity, true, true, "gzip;q=0.5, identity")
	f(negotiate.Gzip, true, true, "gzip;q=0.5, identity;q=0.5")
	f(negotiate.Zstd, true, true, "*")
	f(negotiate.Gzip, true, true, "*, zstd;q=0")
	f(negotiate.Gzip, false, true, "gzip, *;q=0")
	f(negotiate.Gzip, false, true, "gzip, identity;q=0")
	f(negotiate.Identity, false, false, "identity;q=0")
	f(negotiate.Identity, false, false, "*;q=0")
	f(negotiate.Identity, false, false, "br, *;q=0")
	f(negotiate.Identity, true, true, "identity, *;q=0")
	// What is none.
	f(negotiate.Identity, true, true, "gzip;q=2, zstd;q=-1")
	f(negotiate.Identity, true, true, "gzip;q=NaN, zstd;level=1, ;q=1, ,,")
	f(negotiate.Gzip, true, true, "zstd;q=x, gzip")
}

func TestHas(t *testing.T) {
	f := func(want bool, tag string, headers ...string) {
		t.Helper()
		var values [][]byte
		for _, h := range headers {
			values = append(values, []byte(h))
		}
		require.Equal(t, want, negotiate.Has(values, tag))
	}
	f(true, `W/"a"`, `W/"a"`)
	f(true, `W/"a"`, `"a"`)
	f(true, `"a"`, `"b", W/"a"`)
	f(true, `"a,b"`, `"b"`, `"x" , "a,b"`)
	f(false, `"a"`)
	f(false, `"a"`, `*`)
	f(false, `"a"`, `a`)
	f(false, `"a"`, `"a`)
	f(false, `"a"`, `"b"a"c"`)
	f(false, `"a"`, `"A"`)
}

// TestWriters compresses texts in pieces, by many at a time, and has others read them.
func TestWriters(t *testing.T) {
	var wg sync.WaitGroup
	failures := make([]error, 40)
	for i := range failures {
		wg.Go(func() {
			failures[i] = throughWriter(negotiate.Coding(1+i%2), strings.Repeat("a row of numbers, ", i*1000))
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(failures...))
}

// throughWriter returns an error if a text is not what it was once it is compressed and read, or if a failure is lost.
func throughWriter(coding negotiate.Coding, text string) error {
	failing := negotiate.NewWriter(io.Discard, coding)
	_, _ = failing.Write([]byte(text))
	failed := errors.New("the client has gone")
	if !errors.Is(failing.Close(failed), failed) {
		return errors.New("the failure is gone")
	}
	var b bytes.Buffer
	w := negotiate.NewWriter(&b, coding)
	for rest := text; len(rest) > 0; {
		n := min(len(rest), 32<<10)
		_, _ = w.Write([]byte(rest[:n]))
		rest = rest[n:]
	}
	if err := w.Close(nil); err != nil {
		return err
	}
	var r io.Reader
	var err error
	if coding == negotiate.Gzip {
		r, err = gzip.NewReader(&b)
	} else {
		r, err = zstd.NewReader(&b)
	}
	if err != nil {
		return err
	}
	back, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if string(back) != text {
		return fmt.Errorf("%v: another text came back", coding)
	}
	return nil
}
