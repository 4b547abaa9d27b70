package dashboard

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBareModuleMeansTheSame(t *testing.T) {
	f := func(want, source string) {
		t.Helper()
		require.Equal(t, want, string(bareModule([]byte(source))))
	}
	f("export const f=(a)=>a/2;\n", "// What it is.\n\n/** @param {number} a */\nexport const f = (/** @type {number} */ a) =>\n  a / 2; // half\n")
	f("const a=1;\nlet b", "/**\n * Says\n * more: f() {\n */\nconst a = 1;\n\t/* plain */\n\nlet /* of */ b")
	f(`f("a , b // no",'it\'s  =',"\\\\");`+"\n", `f("a , b // no",  'it\'s  =', "\\\\");`+"\n")
	f("a+ +b- -c", "a + +b - -c")
	f("`a  ${b?` (z ${c})`:\"\"}  /* d */ ${{e:`}`}} \\` ${f}`", "`a  ${b ? ` (z ${ c })` : \"\"}  /* d */ ${{ e: `}` }} \\` ${ f }`")
	f(`return/a \/ "[/"] = /.test(b)&&c/2/d`, `return /a \/ "[/"] = /.test(b) && c / 2 / d`)
	f(`x=>/^ = /.exec(y)`, `x => /^ = /.exec(y)`)
	f("if(a)b()\nelse c()", "if (a) b()\n  else c()")
	f("f({a,b:[c]});\ng=()=>{a;b\nreturn c}\nh", "f({\n  a,\n  b: [\n    c\n  ]\n});\ng = () => {\n  a;\n  b\n  return c\n}\nh")
	f("", "// nothing")
	f("", "/* nothing")
}

var bareTo = flag.String("bare", "", "folder to leave the bare modules in")

// TestBareModules leaves them where `make page-check` compares what they mean with what the modules mean.
func TestBareModules(t *testing.T) {
	modules, err := filepath.Glob("static/*.js")
	require.NoError(t, err)
	require.NotEmpty(t, modules)
	for _, name := range modules {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		bare := bareModule(source)
		require.Less(t, len(bare), len(source))
		if *bareTo != "" {
			require.NoError(t, os.MkdirAll(*bareTo, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(*bareTo, filepath.Base(name)), bare, 0o644))
		}
	}
}

func TestBareSheetMeansTheSame(t *testing.T) {
	source := "/* Frame. */\n.a, .b > :not(.c) {\n  margin: 0 calc(1rem - 2px); color: var(--x);\n}\n@media (max-width: 9px) { .a :is(b) { content: \" x\"; } }\n"
	require.Equal(t, `.a,.b>:not(.c){margin:0 calc(1rem - 2px);color:var(--x)}@media (max-width:9px){.a :is(b){content:" x"}}`, string(bareSheet([]byte(source))))
	for _, sheet := range sheets {
		source, err := static.ReadFile("static/" + sheet)
		require.NoError(t, err)
		for _, text := range regexp.MustCompile(`"[^"\n]*"`).FindAllString(string(source), -1) {
			require.NotRegexp(t, `[{};,>]|: |/\*`, text, sheet)
		}
	}
}
