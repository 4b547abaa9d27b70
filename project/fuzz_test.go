package project_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/project"
)

// FuzzSQL has statements read, planned and run: they answer, or are refused in one of the ways that there are.
func FuzzSQL(f *testing.F) {
	g := &generator{Rand: rand.New(rand.NewPCG(1, 2))}
	for range 200 {
		f.Add(g.statement())
	}
	for _, sql := range []string{"", "SELECT", "SELECT * FROM predictions LIMIT 3", "WITH a AS (SELECT 1 AS x) SELECT * FROM a AS b LEFT JOIN a AS c USING x", "SELECT 1 ? 2 : 3", "SELECT '\\x\\", "/*", "SELECT a.b.c.d"} {
		f.Add(sql)
	}
	db := openStore(f, ndjson(generateRows(g.Rand, 40)))
	f.Fuzz(func(t *testing.T, sql string) {
		_, err := run(t, new(project.Pipes), db, endpoint.Ask{SQL: sql, BytesMax: 1 << 20})
		if err != nil && !errors.Is(err, endpoint.ErrAsk) && !errors.Is(err, endpoint.ErrTooMuch) {
			t.Fatalf("%q: %v", sql, err)
		}
	})
}

// FuzzPipe has files read as pipes, and asks those that are as they should with a value for each parameter.
func FuzzPipe(f *testing.F) {
	for _, text := range []string{
		pipeFile("SELECT 1"), pipeFile("%\nSELECT {{Int32(a, 1)}}, '{{String(b, 'x')}}', `{{column(c, 'd')}}` -- {{String(e)}}"),
		pipeFile("%\nSELECT {% for x, y in enumerate_with_last(split_to_array(String(l, 'a,b'))) %}{{y}}{% if not x %},{% end %}{% end %}"),
		pipeFile("{% if defined(a) and Float64(a) > 2 or 'x' in Array(b, 'String', 'x,y') %} SELECT 1 {% elif a == 'q' %} SELECT 2 {% else %} {{error('no')}} {% end %}"),
		pipeFile("{% set x = 1 + 2 * 3 %}SELECT {{x}} {# {{no}} #}"),
	} {
		f.Add(text, "1")
		f.Add(text, "it's `\"\\\n--*/")
	}
	g := &generator{Rand: rand.New(rand.NewPCG(1, 2))}
	db := openStore(f, ndjson(generateRows(g.Rand, 40)))
	f.Fuzz(func(t *testing.T, text, value string) {
		files, err := project.NewFiles([]project.File{{Name: "p.pipe", Text: text}})
		if err != nil {
			return
		}
		p, problems := project.Read(files, nil)
		for i := range problems {
			_ = problems[i].String()
		}
		for _, e := range p.Pipes.Endpoints() {
			var params []string
			for _, of := range e.Params {
				if of.Name != value {
					params = append(params, of.Name, value)
				}
			}
			_, err := run(t, p.Pipes, db, endpoint.Ask{Endpoint: e.Name, BytesMax: 1 << 20}, params...)
			if err != nil && !errors.Is(err, endpoint.ErrAsk) && !errors.Is(err, endpoint.ErrTooMuch) {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}

// TestValuesAreLiterals holds that no value of a parameter is anything but a literal, wherever its template stands.
func TestValuesAreLiterals(t *testing.T) {
	pipes := loadPipes(t, map[string]string{"p": pipeFile("%\n-- {{String(v, 'x')}} in a comment\nSELECT /* {{String(v, 'x')}} */ {{String(v, 'x')}} AS a, '{{String(v, 'x')}}' AS b, \"{{String(v, 'x')}}\" AS `it is {{String(v, 'x')}}` FROM (SELECT 1 AS x)")})
	g := rand.New(rand.NewPCG(3, 4))
	parts := []string{"'", `"`, "`", `\`, "\n", "--", "/*", "*/", "#", " OR 1=1", ";", "{{", "}}", "{%", "x", ", (SELECT 1)", "\x00", "ä"}
	for range 300 {
		var some []string
		for range g.IntN(6) {
			some = append(some, parts[g.IntN(len(parts))])
		}
		value := strings.Join(some, "")
		answer, err := pipes.Run(t.Context(), &endpoint.Ask{Endpoint: "p", Param: func(string) (string, bool) { return value, true }})
		if err != nil { // the name in quotes is that of no column
			require.ErrorIs(t, err, endpoint.ErrAsk)
			require.Contains(t, err.Error(), "there is no column", value)
			continue
		}
		require.Len(t, answer.Columns, 3)
		require.Equal(t, value, answer.Rows[0][0].Text)
		require.Equal(t, value, answer.Rows[0][1].Text)
	}
}
