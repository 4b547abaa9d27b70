package encode_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi/internal/encode"
)

// TestTableOfOthersMemory answers from the memory of an answer that had NULLs, in columns that have none.
func TestTableOfOthersMemory(t *testing.T) {
	var table encode.Table
	write := func() string {
		t.Helper()
		format := encode.FindFormat("csv")
		o := &encode.Output{Send: func([]byte) error { return nil }}
		require.NoError(t, format.Write(o, &table))
		return string(o.Buf)
	}
	table.Columns = []encode.Column{{Name: "a", Kind: encode.Float64, Optional: true}, {Name: "b", Kind: encode.String}}
	table.Add(encode.NullCell(), encode.Text("x"))
	require.Equal(t, "\\N,\"x\"\n", write())
	table.Reset()
	table.Columns = []encode.Column{{Name: "a", Kind: encode.Float64}, {Name: "b", Kind: encode.String}}
	table.Add(encode.Number(1), encode.Text("y"))
	require.Equal(t, "1,\"y\"\n", write())
	table.Reset()
	table.Columns = []encode.Column{{Name: "a", Kind: encode.Float64, Optional: true}, {Name: "b", Kind: encode.String}}
	table.Add(encode.Number(2), encode.Text("z"))
	require.Equal(t, "2,\"z\"\n", write())
}
