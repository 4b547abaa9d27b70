package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi"
)

// TestHostileLines sends each line between two good ones: it goes to the quarantine with its reason, or is kept to the
// byte, and the good ones are stored.
func TestHostileLines(t *testing.T) {
	server := start(t, httpapi.Options{})
	change := func(column, value string) string {
		for _, field := range []string{
			`"timestamp":"2025-04-26T17:55:44.123Z"`, `"model_id":"m"`, `"prediction_id":"p"`, `"features":{"a":1}`, `"predicted_value":1`,
		} {
			if strings.HasPrefix(field, `"`+column+`"`) {
				return strings.Replace(goodLine, field, `"`+column+`":`+value, 1)
			}
		}
		panic("no column " + column)
	}
	nested := func(depth int) string { return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth) }
	for name, c := range map[string]struct {
		line   string
		column string
		code   event.Code
	}{
		"20,000 levels":            {nested(20_000), "", event.CodeDepth},
		"20,000 levels inside":     {change("features", nested(20_000)), "features", event.CodeDepth},
		"20,000 arrays":            {change("features", strings.Repeat("[", 20_000)), "features", event.CodeDepth},
		"a key twice":              {change("model_id", `"m","model_id":"n"`), "model_id", event.CodeDuplicate},
		"a key twice, one escaped": {change("model_id", `"m","model\u005fid":"n"`), "model_id", event.CodeDuplicate},
		"invalid UTF-8":            {change("model_id", "\"\xff\""), "model_id", event.CodeUTF8},
		"overlong UTF-8":           {change("model_id", "\"\xc0\xaf\""), "model_id", event.CodeUTF8},
		"a lone surrogate":         {change("model_id", `"\ud800"`), "model_id", event.CodeUTF8},
		"a raw NUL":                {change("model_id", "\"a\x00b\""), "model_id", event.CodeControl},
		"an escaped NUL":           {change("model_id", `"a\u0000b"`), "model_id", event.CodeName},
		"a raw escape code":        {change("model_id", "\"\x1b[31m\""), "model_id", event.CodeControl},
		"NaN":                      {change("predicted_value", "NaN"), "predicted_value", event.CodeNumber},
		"Infinity":                 {change("predicted_value", "-Infinity"), "predicted_value", event.CodeNumber},
		"1e999":                    {change("predicted_value", "1e999"), "predicted_value", event.CodeNumber},
		"a leading zero":           {change("predicted_value", "01"), "predicted_value", event.CodeNumber},
		"a plus sign":              {change("predicted_value", "+1"), "predicted_value", event.CodeNumber},
		"hexadecimal":              {change("predicted_value", "0x10"), "predicted_value", event.CodeNumber},
		"a number in quotes":       {change("predicted_value", `"3"`), "predicted_value", event.CodeType},
		"null":                     {change("predicted_value", "null"), "predicted_value", event.CodeMissing},
		"true":                     {change("predicted_value", "true"), "predicted_value", event.CodeType},
		"an array for a name":      {change("model_id", `["m"]`), "model_id", event.CodeType},
		"no timestamp":             {strings.Replace(goodLine, `"timestamp":"2025-04-26T17:55:44.123Z",`, "", 1), "timestamp", event.CodeMissing},
		"a timestamp of 0":         {change("timestamp", "0"), "timestamp", event.CodeType},
		"a negative timestamp":     {change("timestamp", "-1"), "timestamp", event.CodeType},
		"a timestamp of 1e18":      {change("timestamp", "1000000000000000000"), "timestamp", event.CodeType},
		"an epoch in quotes":       {change("timestamp", `"1704413030"`), "timestamp", event.CodeTimestamp},
		"milliseconds in quotes":   {change("timestamp", `"1704413030123"`), "timestamp", event.CodeTimestamp},
		"the year 9999":            {change("timestamp", `"9999-12-31 23:59:59"`), "timestamp", event.CodeTooNew},
		"tomorrow and a second":    {change("timestamp", now.Add(24*time.Hour+time.Second).Format(`"2006-01-02 15:04:05"`)), "timestamp", event.CodeTooNew},
		"before 1970":              {change("timestamp", `"1969-12-31 23:59:59"`), "timestamp", event.CodeTooOld},
		"February 30":              {change("timestamp", `"2025-02-30 00:00:00"`), "timestamp", event.CodeTimestamp},
		"an empty name":            {change("model_id", `""`), "model_id", event.CodeName},
		"a name of 64 KiB":         {change("model_id", `"`+strings.Repeat("m", 64<<10)+`"`), "model_id", event.CodeName},
		"features of 64 KiB and 1": {change("features", `"`+strings.Repeat("1", 64<<10+1)+`"`), "features", event.CodeFeatures},
		"a line over 1 MiB":        {change("features", `"`+strings.Repeat("1", 1<<20)+`"`), "", event.CodeLineTooLong},
		"data after the object":    {goodLine + "x", "", event.CodeSyntax},
		"two objects":              {goodLine + goodLine, "", event.CodeSyntax},
		"half an object":           {goodLine[:40], "", event.CodeSyntax},
		"a lone brace":             {"{", "", event.CodeSyntax},

		"-0":                     {line: change("predicted_value", "-0")},
		"the smallest subnormal": {line: change("predicted_value", "5e-324")},
		"2^63":                   {line: change("predicted_value", "9223372036854775808")},
		"1e3":                    {line: change("predicted_value", "1e3")},
		"unknown fields":         {line: strings.Replace(goodLine, "{", `{"x":[{"y":null}],"":1,`, 1)},
		"a path for a name":      {line: change("model_id", `"../../etc/passwd"`)},
		"a device for a name":    {line: change("model_id", `"CON"`)},
		"an emoji":               {line: change("model_id", `"🦜"`)},
		"256 bytes":              {line: change("model_id", `"`+strings.Repeat("m", 256)+`"`)},
		"32 levels":              {line: change("features", nested(31))},
		"any timestamp zone":     {line: change("timestamp", `"2025-04-26T17:55:44.123456789-12:30"`)},
	} {
		t.Run(name, func(t *testing.T) {
			want := 2
			if c.code == event.CodeNone {
				want = 3
			}
			resp, answer := server.do(t, "POST", events, strings.NewReader(goodLine+"\n"+c.line+"\n"+goodLine))
			require.Equal(t, http.StatusAccepted, resp.StatusCode)
			require.Equal(t, fmt.Sprintf("{\"successful_rows\":%d,\"quarantined_rows\":%d}\n", want, 3-want), answer)
			batch := &server.store.batches[len(server.store.batches)-1]
			require.Len(t, batch.Rejects, 3-want)
			for i := range batch.Rejects {
				r := &batch.Rejects[i]
				require.Equal(t, fmt.Sprintf("line 2, column %q: %s", c.column, c.code), fmt.Sprintf("line %d, column %q: %s", r.Line, r.Column, r.Code), r.Reason)
			}
		})
	}
}
