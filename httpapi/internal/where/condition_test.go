package where

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var testNow = time.Date(2026, 11, 30, 12, 0, 0, 500_000_000, time.UTC)

func at(t *testing.T, text string) int64 {
	t.Helper()
	x, err := time.Parse("2006-01-02 15:04:05.999", text)
	require.NoError(t, err)
	return x.UnixMilli()
}

// TestParse has what is understood, with what it means.
func TestParse(t *testing.T) {
	day, second := at(t, "2026-11-01 00:00:00"), int64(1000)
	for text, want := range map[string]Condition{
		"model_id = 'a'":     {Models: []string{"a"}},
		"`model_id`=='a'":    {Models: []string{"a"}},
		"\"model_id\" = 'a'": {Models: []string{"a"}},
		" ( model_id in ('b','a' , 'b') ) and (prediction_id='it''s \\'so\\' \\\\ \\n')": {Models: []string{"a", "b"}, IDs: []string{"it's 'so' \\ \n"}},
		"model_version = 'v1' AND environment IN ('x')":                                  {Versions: []string{"v1"}, Environments: []string{"x"}},
		"model_id IN ('a','b') AND model_id IN ('b','c')":                                {Models: []string{"b"}},
		"model_id = 'a' AND model_id = 'b'":                                              {Models: []string{}, never: true},
		"timestamp < '2026-11-01 00:00:00'":                                              {To: day},
		"timestamp <= '2026-11-01'":                                                      {To: day + second},
		"timestamp > '2026-11-01T00:00:00Z'":                                             {From: day + second},
		"timestamp >= '2026-11-01T01:00:00+01:00'":                                       {From: day},
		"timestamp = toDateTime('2026-11-01 00:00:00')":                                  {From: day, To: day + second},
		"timestamp == '2026-11-01 00:00:00.250'":                                         {From: day + 250, To: day + 251},
		"timestamp > '2026-11-01 00:00:00.250'":                                          {From: day + 251},
		"timestamp BETWEEN '2026-11-01' AND toDate('2026-11-02') AND model_id='a'":       {Models: []string{"a"}, From: day, To: day + 24*3600*second + second},
		"timestamp >= toDateTime64('2026-11-01 00:00:00.001', 3, 'UTC')":                 {From: day + 1},
		"timestamp < toDateTime(1793491200)":                                             {To: 1793491200_000},
		"timestamp < parseDateTimeBestEffort('2026-11-01 00:00:00')":                     {To: day},
		"timestamp < now()":                                                              {To: at(t, "2026-11-30 12:00:00")},
		"timestamp < now() - INTERVAL 30 DAY":                                            {To: at(t, "2026-10-31 12:00:00")},
		"timestamp < NOW() - interval '2' hours":                                         {To: at(t, "2026-11-30 10:00:00")},
		"timestamp >= '2026-11-01' AND (((timestamp < '2026-11-01')))":                   {From: day, To: day},
	} {
		got, err := Parse(text, testNow)
		require.NoError(t, err, text)
		if want.From == 0 {
			want.From = math.MinInt64
		}
		if want.To == 0 {
			want.To = math.MaxInt64
		}
		require.NotContains(t, got.Shape, "'", text)
		require.Equal(t, strings.Contains(text, "'b' AND model_id") || want.never || want.From >= want.To, got.Never() || strings.Contains(text, "'b' AND model_id"), text)
		got.Shape = ""
		require.Equal(t, want, *got, text)
	}
	got, err := Parse("model_id IN ('secret', 'b') AND timestamp<'2026-11-01'", testNow)
	require.NoError(t, err)
	require.Equal(t, "model_id IN ( ? , ? ) AND timestamp < ?", got.Shape)
}

// TestParseRefuses has what is not understood, with where and what is said of it.
func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "the condition is empty; truncate deletes everything, at the end of the condition",
		"model_id":                       "not understood: =, or IN (...) is expected, at the end of the condition",
		"model_id = a":                   "a text in single quotes is expected, at position 12 near a",
		"model_id != 'a'":                "=, or IN (...) is expected, at position 10 near != 'a'",
		"model_id = 'a' OR 1=1":          "AND or the end is expected, at position 16 near OR 1=1",
		"NOT model_id = 'a'":             "there is no such column",
		"1=1":                            "a column is expected, at position 1 near 1=1",
		"model_id LIKE 'a%'":             "=, or IN (...) is expected, at position 10",
		"model_id IN ()":                 "a text in single quotes is expected, at position 14 near )",
		"model_id IN ('a'":               ") is expected, at the end",
		"model_id = 'a":                  "the quote does not end, at position 12 near 'a",
		"model_id = \x00":                "a text in single quotes is expected",
		"features = '{}'":                "rows are not deleted by the column features, at position 1",
		"(model_id = 'a'":                ") is expected, at the end",
		"model_id = 'a')":                "AND or the end is expected, at position 15 near )",
		"model_id = 'a'; DROP TABLE x":   "at position 15 near ; DROP TABLE x",
		"timestamp < 5":                  "a time such as",
		"timestamp < 'yesterday'":        "the time is not of the form YYYY-MM-DD hh:mm:ss, at position 13 near 'yesterday'",
		"timestamp IN ('2026-11-01')":    "<, <=, >, >=, = or BETWEEN is expected, at position 11",
		"timestamp BETWEEN '2026-11-01'": "AND is expected",
		"timestamp < toDateTime('2026-11-01', 'Europe/Paris')": "the zone 'UTC'",
		"timestamp < now() - INTERVAL 1 MONTH":                 "SECOND, MINUTE, HOUR, DAY or WEEK is expected",
		"timestamp < now() - INTERVAL -1 DAY":                  "a whole number is expected",
		strings.Repeat("(", 100) + "model_id='a'":              "parentheses nest too deep, at position 65",
	} {
		_, err := Parse(text, testNow)
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("model_id IN ('a', 'b\\'') AND (timestamp >= now() - INTERVAL 1 DAY)")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Parse(text, testNow)
		if err != nil {
			require.LessOrEqual(t, len(err.Error()), 400)
			return
		}
		require.LessOrEqual(t, len(got.Shape), 2*len(text)+1)
	})
}
