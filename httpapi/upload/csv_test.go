package upload_test

import (
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi/upload"
)

var columns = []upload.Column{{Name: "model_id"}, {Name: "predicted_value", Number: true}}

func TestCSV(t *testing.T) {
	f := func(file, want string) {
		t.Helper()
		lines, err := io.ReadAll(upload.CSV(strings.NewReader(file), columns, ','))
		require.NoError(t, err)
		require.Equal(t, want, string(lines))
	}
	f("", "")
	f("a,1\n", `{"model_id":"a","predicted_value":1}`+"\n")
	f("predicted_value,model_id,more\n-1e3,\"b\"\"\",x", `{"predicted_value":-1e3,"model_id":"b\"","more":"x"}`+"\n")
	f("a,\nb,\\N\nc,one\nd,01", `{"model_id":"a","predicted_value":null}`+"\n"+`{"model_id":"b","predicted_value":null}`+"\n"+
		`{"model_id":"c","predicted_value":"one"}`+"\n"+`{"model_id":"d","predicted_value":"01"}`+"\n")
	f("\uFEFF\"model_id\",predicted_value\n\uFEFFa,1\n", "{\"model_id\":\"\uFEFFa\",\"predicted_value\":1}\n")
	f("\uFEFF", "")
	f("a,1,2\nb\"x,1\nc,1\n", `"3 fields where there are 2 columns: a,1,2"`+"\n"+`"parse error on line 2, column 2: bare \" in non-quoted-field"`+"\n"+`{"model_id":"c","predicted_value":1}`+"\n")
	f("a,1\n\"b,1\n"+strings.Repeat("c,1\n", 1000), `{"model_id":"a","predicted_value":1}`+"\n"+
		`"record on line 2; parse error on line 1002, column 5: extraneous or missing \" in quoted-field"`+"\n")
	f("\"b,1\nc,1\n\"d,1\ne,1\n", `"record on line 1; parse error on line 3, column 1: extraneous or missing \" in quoted-field"`+"\n"+
		`{"model_id":"e","predicted_value":1}`+"\n")
}

// FuzzCSV holds the reader to lines of JSON, in proportion to the file.
func FuzzCSV(f *testing.F) {
	f.Add("model_id,predicted_value\na,1\n", ',')
	f.Add("a\tb\n", '\t')
	f.Add("timestamp,\"x\"y\n\"", ';')
	f.Fuzz(func(t *testing.T, file string, comma rune) {
		if comma == 0 || comma == '"' || comma == '\r' || comma == '\n' || !utf8.ValidRune(comma) || comma == utf8.RuneError {
			t.Skip("not a delimiter")
		}
		lines, err := io.ReadAll(upload.CSV(strings.NewReader(file), columns, comma))
		require.NoError(t, err)
		require.LessOrEqual(t, len(lines), 64*len(file)+64)
		if len(lines) > 0 {
			require.Equal(t, byte('\n'), lines[len(lines)-1])
		}
	})
}
