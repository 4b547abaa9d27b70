package dashboard

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestModulesAreJoined(t *testing.T) {
	got, err := join(map[string][]byte{
		"main.js":  []byte("import{a,b as c}from \"./left.js\";\nimport{d}from \"./right.js\";\na(c, d);\n"),
		"left.js":  []byte("import{d}from \"./right.js\";\nexport const a = d, b = 2;\nexport function unwanted() {}\n"),
		"right.js": []byte("const own = 1;\nexport class d {}\n"),
	})
	require.NoError(t, err)
	require.Equal(t, `const $right=(()=>{
const own = 1;
class d {}
return{d}})();
const $left=(()=>{
const{d}=$right;
const a = d, b = 2;
function unwanted() {}
return{a,b}})();
const $main=(()=>{
const{a,b:c}=$left;
const{d}=$right;
a(c, d);
return{}})();
`, string(got))
}

func TestModulesThatCannotBeJoined(t *testing.T) {
	f := func(reason string, modules map[string][]byte) {
		t.Helper()
		_, err := join(modules)
		require.ErrorContains(t, err, reason)
	}
	f("there is no main.js", map[string][]byte{})
	f("there is no other.js", map[string][]byte{"main.js": []byte("import{a}from \"./other.js\";\n")})
	f("nothing imports other.js", map[string][]byte{"main.js": nil, "other.js": nil})
	f("main.js imports itself by way of others", map[string][]byte{
		"main.js": []byte("import{a}from \"./other.js\";\n"), "other.js": []byte("import{b}from \"./main.js\";\n"),
	})
}

// TestModulesSayWhatJoiningKnows: imports and exports are of the kinds that join reads, and nothing of them is left in what it makes.
func TestModulesSayWhatJoiningKnows(t *testing.T) {
	content, err := contents()
	require.NoError(t, err)
	for line := range strings.Lines(string(content[script])) {
		require.NotRegexp(t, `^\s*(import|export)\b|\bimport\(`, line)
	}
	named := regexp.MustCompile(`(?m)^const\{(.+)\}=\$(\w+);$`).FindAllStringSubmatch(string(content[script]), -1)
	require.Greater(t, len(named), 50)
	for _, m := range named {
		source, err := static.ReadFile("static/" + m[2] + ".js")
		require.NoError(t, err)
		for part := range strings.SplitSeq(m[1], ",") {
			name, _, _ := strings.Cut(part, ":")
			require.Regexp(t, `(?m)^export (const|function|async function|class) (.*[ ,])?`+name+`\b`, string(source), "%s.js", m[2])
		}
	}
}
