package project_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/project"
)

// TestWholeNumbersAtTheirEdges has what ClickHouse 26.9 answers, with its types, and refuses where that is another number than was asked for, or
// depends on the machine.
func TestWholeNumbersAtTheirEdges(t *testing.T) {
	const refused = ""
	for sql, want := range map[string]string{
		"intDiv(toInt8(-128), toInt8(-1))":                      refused,
		"intDiv(toInt64('-9223372036854775808'), -1)":           refused,
		"toInt64('-9223372036854775808') % -1":                  refused,
		"intDiv(toInt64(-128), toInt8(-1))":                     "128 Int64",
		"intDiv(toInt64(-1000), 200)":                           "-5 Int64",
		"intDiv(toInt8(-100), 200)":                             refused,
		"intDiv(toUInt8(200), toInt8(-3))":                      refused,
		"intDiv(toUInt8(200), toInt64(3))":                      refused,
		"intDiv(toUInt8(127), toInt64(-3))":                     "-42 Int8",
		"intDiv(toUInt8(200), toUInt64(3))":                     "66 UInt8",
		"intDiv(toInt32(-7), toUInt64('18446744073709551615'))": refused,
		"toUInt8(200) % toInt8(-7)":                             "4 UInt8",
		"toInt8(-7) % toUInt8(200)":                             "-7 Int16",
		"toInt8(7) % toInt8(3)":                                 "1 Int16",
		"toInt32(-7) % toUInt32(3)":                             refused,
		"toInt64(-7) % toUInt32(3)":                             "-1 Int64",
		"toUInt32(7) % toInt8(-3)":                              refused,
		"toUInt64('18446744073709551615') % toInt8(10)":         "5 UInt8",
		"toInt64(7) % toUInt64('18446744073709551615')":         "7 Int64",
		"toInt64(-7) % toUInt64(3)":                             refused,
		"-toInt8(-128)":                                         "-128 Int8",
		"toInt32(2147483647.9)":                                 "2147483647 Int32",
		"toInt32(2147483648.0)":                                 refused,
		"toInt32(-2147483648.9)":                                "-2147483648 Int32",
		"toInt32(-2147483649.0)":                                refused,
		"toUInt8(255.9)":                                        "255 UInt8",
		"toUInt8(256.0)":                                        refused,
		"toUInt8(-0.9)":                                         "0 UInt8",
		"toUInt8(-1.0)":                                         refused,
		"toInt64(1e19)":                                         refused,
		"toUInt64(1e19)":                                        "10000000000000000000 UInt64",
		"toInt32(0 / 0)":                                        refused,
		"toInt32(1 / 0)":                                        refused,
		"CAST(3e9 AS Int32)":                                    refused,
		"if(isNaN(0 / 0), 1, toInt32(0 / 0))":                   "1 Int32",
		"toInt32(3000000000)":                                   "-1294967296 Int32",
		"toUInt8(-1)":                                           "255 UInt8",
		"toInt8('128')":                                         refused,
		"toFloat64('0x1p3')":                                    refused,
		"toFloat64('1_0')":                                      refused,
		"toFloat64('1e2')":                                      "100 Float64",
	} {
		answer, err := new(project.Pipes).Run(t.Context(), &endpoint.Ask{SQL: "SELECT " + sql + " AS x", Now: genNow})
		if want == refused {
			require.ErrorIs(t, err, endpoint.ErrAsk, sql)
			continue
		}
		require.NoError(t, err, sql)
		var got any
		switch v := answer.Rows[0][0]; answer.Columns[0].Type.Kind {
		case endpoint.Int:
			got = v.Whole
		case endpoint.UInt:
			got = uint64(v.Whole)
		default:
			got = v.Number
		}
		require.Equal(t, want, fmt.Sprint(got, " ", answer.Columns[0].Type), sql)
	}
}
