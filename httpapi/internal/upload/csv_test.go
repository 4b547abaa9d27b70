package upload_test

import (
	"encoding/csv"
	"io"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi/internal/upload"
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
	f("\"a\r\n\r\",1\r\n", `{"model_id":"a\r\n\r","predicted_value":1}`+"\n")
	f("\"\\N\",\"\\N\"\n\\N,\\N\n", `{"model_id":"\\N","predicted_value":null}`+"\n"+`{"model_id":null,"predicted_value":null}`+"\n")
	f("a,1,2\nb\"x,1\nc,1\n", `"3 fields where there are 2 columns: a,1,2"`+"\n"+`"parse error on line 2, column 2: bare \" in non-quoted-field"`+"\n"+`{"model_id":"c","predicted_value":1}`+"\n")
	f("a,1\n\"b,1\n"+strings.Repeat("c,1\n", 1000), `{"model_id":"a","predicted_value":1}`+"\n"+
		`"record on line 2; parse error on line 1002, column 5: extraneous or missing \" in quoted-field"`+"\n")
	f("\"b,1\nc,1\n\"d,1\ne,1\n", `"record on line 1; parse error on line 3, column 1: extraneous or missing \" in quoted-field"`+"\n"+
		`{"model_id":"e","predicted_value":1}`+"\n")
}

// TestCSVBounds gives records that are nothing but delimiters, or one field without an end: they cost their own row, and
// little memory.
func TestCSVBounds(t *testing.T) {
	const size = 64 << 20
	f := func(record, want string) {
		t.Helper()
		file := io.MultiReader(strings.NewReader("a,1\n"), strings.NewReader(record), strings.NewReader("\nb,2\n"))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		lines, err := io.ReadAll(upload.CSV(file, columns, ','))
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		require.Equal(t, `{"model_id":"a","predicted_value":1}`+"\n"+want+"\n"+`{"model_id":"b","predicted_value":2}`+"\n", string(lines))
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
	}
	f(strings.Repeat(",", size), `"parse error on line 2, column 1025: more than 1024 fields"`)
	f(strings.Repeat("\"\",", size/3), `"parse error on line 2, column 3073: more than 1024 fields"`)
	f(strings.Repeat("x", size), `"parse error on line 2, column 67108866: longer than 1 MiB"`)
	f(`"`+strings.Repeat("x\n", size/2)+`",1`, `"record on line 2; parse error on line 33554434, column 5: longer than 1 MiB"`)
	f(strings.Repeat(",", upload.FieldsMax-1), `"1024 fields where there are 2 columns: `+strings.Repeat(",", upload.FieldsMax-1)+`"`)
}

// FuzzCSVRecords compares with the reader of the standard library.
func FuzzCSVRecords(f *testing.F) {
	for _, file := range []string{
		"a,b\n\nc,\"d\"\"\r\n,\"\r\n", "a\r", "\"a\r", "\"a\"\r", "\"a\"\rb\nc", "a\"b,c\nd", "\"a\"b\nc", "\"a\n\nb", "a,", "\"\"", "\r\n\r\r\n", "a\xe2\x82,b€c€\"€\"",
	} {
		f.Add(file, ',')
		f.Add(file, '€')
	}
	f.Fuzz(func(t *testing.T, file string, comma rune) {
		if comma == 0 || comma == '"' || comma == '\r' || comma == '\n' || !utf8.ValidRune(comma) || comma == utf8.RuneError {
			t.Skip("not a delimiter")
		}
		want := csv.NewReader(strings.NewReader(file))
		want.Comma, want.FieldsPerRecord = comma, -1
		got := upload.Records(strings.NewReader(file), comma)
		for {
			record, err := want.Read()
			found, foundErr := got()
			require.Equal(t, err, foundErr)
			for i := range found { // where it keeps a line's end as it is
				found[i] = strings.ReplaceAll(found[i], "\r\n", "\n")
			}
			if err == nil {
				require.Equal(t, record, found)
			}
			if err == io.EOF {
				return
			}
		}
	})
}

// FuzzCSV holds the reader to lines of JSON, in proportion to the file.
// Where a sparse column is empty or null the row is without it, and records without a header may leave it out at the end.
func TestCSVSparse(t *testing.T) {
	columns := []upload.Column{{Name: "id"}, {Name: "value", Number: true, Sparse: true}, {Name: "note", Sparse: true}}
	f := func(file, want string) {
		t.Helper()
		lines, err := io.ReadAll(upload.CSV(strings.NewReader(file), columns, ','))
		require.NoError(t, err)
		require.Equal(t, want, string(lines))
	}
	f("a,1,x\nb,,\nc,\\N,\\N\nd,2\ne\n", `{"id":"a","value":1,"note":"x"}`+"\n"+`{"id":"b"}`+"\n"+`{"id":"c"}`+"\n"+`{"id":"d","value":2}`+"\n"+`{"id":"e"}`+"\n")
	f("a,1,x,y\n", `"4 fields where there are 3 columns: a,1,x,y"`+"\n")
	f("value,id\n,a\n1,\n2\n", `{"id":"a"}`+"\n"+`{"value":1,"id":""}`+"\n"+`"1 fields where there are 2 columns: 2"`+"\n")
	f("value\n,\n", `"2 fields where there are 1 columns: ,"`+"\n")
}

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
