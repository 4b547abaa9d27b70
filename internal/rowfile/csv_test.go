package rowfile_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/rowfile"
	"github.com/residualdb/residual/internal/testing/race"
)

var columns = []rowfile.Column{{Name: "model_id"}, {Name: "predicted_value", Kind: rowfile.Number}}

func TestCSV(t *testing.T) {
	f := func(file, want string) {
		t.Helper()
		lines, err := io.ReadAll(rowfile.CSV(strings.NewReader(file), columns, ','))
		require.NoError(t, err)
		require.Equal(t, want, string(lines))
	}
	f("", "")
	f("a,1\n", `{"model_id":"a","predicted_value":1}`+"\n")
	f("predicted_value,model_id,more\n-1e3,\"b\"\"\",x", `{"predicted_value":-1e3,"model_id":"b\""}`+"\n")
	f("a,\nb,\\N\nc,one\nd,01", `{"model_id":"a","predicted_value":null}`+"\n"+`{"model_id":"b","predicted_value":null}`+"\n"+
		`{"model_id":"c","predicted_value":"one"}`+"\n"+`{"model_id":"d","predicted_value":1}`+"\n")
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

// TestCSVHeaders gives the first lines that people and programs write. What names a column is never stored as a row, and a row is
// never taken for names.
func TestCSVHeaders(t *testing.T) {
	const row = `{"timestamp":"2026-11-29 10:00:00","model_id":"m","prediction_id":"p","features":"{}","predicted_value":1,"actual_value":2,"model_version":"v","environment":"e"}` + "\n"
	read := func(file string) (string, error) {
		lines, err := io.ReadAll(rowfile.CSV(strings.NewReader(file), rowfile.Predictions(), 0))
		return string(lines), err
	}
	f := func(file, want string) {
		t.Helper()
		lines, err := read(file)
		require.NoError(t, err)
		require.Equal(t, want, lines)
	}
	refused := func(file, want string) {
		t.Helper()
		lines, err := read(file)
		require.Empty(t, lines)
		var e *rowfile.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, want, e.Text)
	}
	const (
		head  = "timestamp,model_id,prediction_id,features,predicted_value,actual_value,model_version,environment"
		value = "2026-11-29 10:00:00,m,p,{},1,2,v,e"
	)
	f(value+"\n", row)
	f(head+"\n"+value+"\n", row)
	f(strings.ToUpper(head)+"\n"+value, row)
	f("Timestamp, Model ID ,Prediction_Id,\" features\",Predicted Value,\u00a0ACTUAL_VALUE,model_version,environment\r\n"+value, row)
	f(head+"\n", "")
	f(head+"\r"+value+"\r", row)
	f("\r\r"+head+"\r\r\n"+value, row)
	f("\uFEFF"+head+",,\n"+value+",,\n"+value+"\n,,,,,,,,,\n"+value+",\n", row+row+row)
	f(strings.ReplaceAll("sep=;\r\n"+head+"\r\n"+value+"\r\n", ",", ";"), row)
	f(strings.ReplaceAll("\uFEFF\"SEP=|\"\n"+head+"\n"+value, ",", "|"), row)
	f("sep=,\r"+head+"\r"+value, row)
	f(strings.ReplaceAll(head+"\n"+value, ",", ";"), row)
	f(strings.ReplaceAll(head+"\n"+value, ",", "\t"), row)
	f(strings.ReplaceAll(value, ",", "\t"), row)
	f(","+head+",note,note,blob\n0,"+value+",a,b,\xff\xfe\n", row)
	f(head+",actual,pred\n"+value+",7,8\n", row)
	f("environment,model_version,actual_value,predicted_value,features,prediction_id,model_id,timestamp\ne,v,2,1,{},p,m,2026-11-29 10:00:00",
		`{"environment":"e","model_version":"v","actual_value":2,"predicted_value":1,"features":"{}","prediction_id":"p","model_id":"m","timestamp":"2026-11-29 10:00:00"}`+"\n")
	f(strings.Replace(value, ",m,", ",features,", 1), strings.Replace(row, `"m"`, `"features"`, 1))
	f(strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(head+"\n"+value, "{}", `"{""a"": 1}"`), ",", " , "), "\n", " \n "), strings.Replace(row, "{}", `{\"a\": 1}`, 1))
	// A first row that is wrong is a reject like any other.
	f(strings.Replace(value, ",1,", ",one,", 1), strings.Replace(row, ":1,", `:"one",`, 1))
	f("x\"y,1\n"+value, `"parse error on line 1, column 2: bare \" in non-quoted-field"`+"\n"+row)

	const columns = "the columns are timestamp, model_id, prediction_id, features, predicted_value, actual_value, model_version, environment"
	const nothing = "the first line of the file is a header that names no column of the data source: it has "
	refused("ts,model,id,feat,pred,actual,ver,env\n"+value, nothing+"'ts', 'model', 'id', 'feat', 'pred', 'actual', 'ver', 'env'; "+columns)
	refused("0,1,2,3,4,5,6,7\n"+value, nothing+"'0', '1', '2', '3', '4', '5', '6', '7'; "+columns)
	refused("\x1b]0;x\a,"+strings.Repeat("y", 100)+"\n", nothing+`'\x1b]0;x\x07', '`+strings.Repeat("y", 64)+`...'; `+columns)
	refused(strings.Repeat("y,", 20)+"\n", nothing+strings.Repeat("'y', ", 16)+"and 5 more; "+columns)
	refused(head+",Model ID\n"+value+",n\n", "the file has the column model_id twice, as 'model_id' and 'Model ID'; drop one")
	refused("timestamp,mod\"el_id,model_id\n"+value, `the first line of the file is no record of CSV: parse error on line 1, column 14: bare " in non-quoted-field`)
}

// TestCSVNumbers holds numbers to what they say, and what is none to a reject.
func TestCSVNumbers(t *testing.T) {
	columns := []rowfile.Column{{Name: "id"}, {Name: "p", Kind: rowfile.Number}, {Name: "a", Kind: rowfile.Number, Optional: true}}
	f := func(field, predicted, actual string) {
		t.Helper()
		lines, err := io.ReadAll(rowfile.CSV(strings.NewReader("id,p,a\nx,"+field+","+field+"\n"), columns, 0))
		require.NoError(t, err)
		require.Equal(t, `{"id":"x","p":`+predicted+`,"a":`+actual+"}\n", string(lines))
	}
	same := func(field, want string) { t.Helper(); f(field, want, want) }
	same("1", "1")
	same("-0.50", "-0.50")
	same(" 10.0", "10.0")
	same("10.0 \t", "10.0")
	same("\" 10.0 \"", "10.0")
	same("\u00a010.0", "10.0")
	same("+10.5", "10.5")
	same(".5", "0.5")
	same("-.5", "-0.5")
	same("+.5e-3", "0.5e-3")
	same("5.", "5")
	same("5.E+7", "5E+7")
	same("007", "7")
	same("-00.70", "-0.70")
	same("0", "0")
	same("12345678901234567890.1234567890123456789", "12345678901234567890.1234567890123456789")
	same("", "null")
	same("  ", "null")
	same(`\N`, "null")
	f("NaN", "NaN", "null")
	f("nan", "NaN", "null")
	f("-NaN", "NaN", "null")
	same("inf", "Infinity")
	same("-Infinity", "-Infinity")
	for _, none := range []string{"one", "+", "-", ".", "+-1", "1.2.3", "1e", "1e+", "e5", ".e5", "0x10", "1_000", "1 000", "null", "NA", "--1", "१"} {
		same(none, `"`+none+`"`)
	}
	same(`"1,5"`, `"1,5"`)
}

// TestPlainText reads files in each coding that spreadsheets and shells write.
func TestPlainText(t *testing.T) {
	const text = "model_id,predicted_value\nmod\u00e8le \U0001F600,1\n"
	const want = `{"model_id":"mod` + "\u00e8le \U0001F600" + `","predicted_value":1}` + "\n"
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		for _, mark := range []string{"\uFEFF", ""} {
			var wide []byte
			for _, unit := range utf16.Encode([]rune(mark + text)) {
				wide = order.AppendUint16(wide, unit)
			}
			for _, file := range []io.Reader{bytes.NewReader(wide), iotest.OneByteReader(bytes.NewReader(wide))} {
				lines, err := io.ReadAll(rowfile.CSV(file, columns, 0))
				require.NoError(t, err)
				require.Equal(t, []string{want}, []string{string(lines)}, name)
			}
			lines, err := io.ReadAll(rowfile.CSV(bytes.NewReader(append(wide, 'x')), columns, 0))
			require.NoError(t, err)
			require.Contains(t, string(lines), "1 fields where there are 2 columns: \ufffd")
		}
	}
	for _, short := range []string{"\xff", "\xff\xfe", "\xfe\xff", "\xef", "\xef\xbb", "a\x00", "a\x00b", "\x00"} {
		_, err := io.ReadAll(rowfile.PlainText(bufio.NewReader(strings.NewReader(short))))
		require.NoError(t, err)
	}
	lone := "\xff\xfe\x00\xd8a\x00\x00\xdc\x00\xd8"
	read, err := io.ReadAll(rowfile.PlainText(bufio.NewReader(strings.NewReader(lone))))
	require.NoError(t, err)
	require.Equal(t, "\ufffda\ufffd\ufffd", string(read))
}

// TestCSVOfAPipe reads each record as it comes: a header alone must not wait for what follows it.
func TestCSVOfAPipe(t *testing.T) {
	from, to := io.Pipe()
	defer func() { require.NoError(t, from.Close()) }()
	rows := bufio.NewReader(rowfile.CSV(from, columns, 0))
	written := make(chan error, 1)
	for _, record := range []string{"model_id,predicted_value\na,1\n", "b,2\n"} {
		go func() {
			_, err := io.WriteString(to, record)
			written <- err
		}()
		line, err := rows.ReadString('\n')
		require.NoError(t, err)
		require.Contains(t, line, `"predicted_value":`)
		require.NoError(t, <-written)
	}
}

// TestCSVBounds gives records that are nothing but delimiters, or one field without an end: they cost their own row, and
// little memory.
func TestCSVBounds(t *testing.T) {
	const bound = 16 << 20
	const size = 20 << 20 / race.Fewer // with the race detector more than a record may have, but no more than the bound
	f := func(record, want string) {
		t.Helper()
		file := io.MultiReader(strings.NewReader("a,1\n"), strings.NewReader(record), strings.NewReader("\nb,2\n"))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		lines, err := io.ReadAll(rowfile.CSV(file, columns, ','))
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		require.Equal(t, `{"model_id":"a","predicted_value":1}`+"\n"+want+"\n"+`{"model_id":"b","predicted_value":2}`+"\n", string(lines))
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(bound))
	}
	f(strings.Repeat(",", size), `"parse error on line 2, column 1025: more than 1024 fields"`)
	f(strings.Repeat("\"\",", size/3), `"parse error on line 2, column 3073: more than 1024 fields"`)
	f(strings.Repeat("x", size), fmt.Sprintf(`"parse error on line 2, column %d: longer than 1 MiB"`, size+2))
	f(`"`+strings.Repeat("x\n", size/2)+`",1`, fmt.Sprintf(`"record on line 2; parse error on line %d, column 5: longer than 1 MiB"`, size/2+2))
	f(strings.Repeat(",", rowfile.FieldsMax-1)+"x", `"1024 fields where there are 2 columns: `+strings.Repeat(",", rowfile.FieldsMax-1)+`x"`)
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
		if strings.ContainsAny(file, " \t\x00") || strings.HasPrefix(file, "\xff\xfe") || strings.HasPrefix(file, "\xfe\xff") || strings.Contains(strings.ReplaceAll(file, "\r\n", ""), "\r") {
			t.Skip("blanks, carriage returns alone, and UTF-16 are read otherwise")
		}
		want := csv.NewReader(strings.NewReader(strings.TrimPrefix(file, "\uFEFF")))
		want.Comma, want.FieldsPerRecord = comma, -1
		got := rowfile.Records(strings.NewReader(file), comma)
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

// TestCSVSparse: where a sparse column is empty or null the row is without it, and records without a header may leave it out at the end.
func TestCSVSparse(t *testing.T) {
	columns := []rowfile.Column{{Name: "id"}, {Name: "value", Kind: rowfile.Number, Optional: true, Sparse: true}, {Name: "note", Optional: true, Sparse: true}}
	f := func(file, want string) {
		t.Helper()
		lines, err := io.ReadAll(rowfile.CSV(strings.NewReader(file), columns, ','))
		require.NoError(t, err)
		require.Equal(t, want, string(lines))
	}
	f("a,1,x\nb,,\nc,\\N,\\N\nd,2\ne\n", `{"id":"a","value":1,"note":"x"}`+"\n"+`{"id":"b"}`+"\n"+`{"id":"c"}`+"\n"+`{"id":"d","value":2}`+"\n"+`{"id":"e"}`+"\n")
	f("a,1,x,y\n", `"4 fields where there are 3 columns: a,1,x,y"`+"\n")
	f("value,id\n,a\n1,\n2\n", `{"id":"a"}`+"\n"+`{"value":1,"id":""}`+"\n"+`"1 fields where there are 2 columns: 2"`+"\n")
	f("id,value\na\nb,\n,,\nc", `{"id":"a"}`+"\n"+`{"id":"b"}`+"\n"+`"1 fields where there are 2 columns: c"`+"\n")
}

// FuzzCSV holds the reader to lines of JSON, in proportion to the file.
func FuzzCSV(f *testing.F) {
	f.Add("model_id,predicted_value\na,1\n", ',')
	f.Add("a\tb\n", '\t')
	f.Add("timestamp,\"x\"y\n\"", ';')
	f.Add("\xff\xfea\x00,\x001\x00", ',')
	f.Add("sep=;\ra;+.5\r", ',')
	f.Fuzz(func(t *testing.T, file string, comma rune) {
		if comma == 0 || comma == '"' || comma == '\r' || comma == '\n' || !utf8.ValidRune(comma) || comma == utf8.RuneError {
			t.Skip("not a delimiter")
		}
		lines, err := io.ReadAll(rowfile.CSV(strings.NewReader(file), columns, comma))
		if _, ok := errors.AsType[*rowfile.Error](err); !ok {
			require.NoError(t, err)
		}
		require.LessOrEqual(t, len(lines), 64*len(file)+64)
		if len(lines) > 0 {
			require.Equal(t, byte('\n'), lines[len(lines)-1])
		}
	})
}
