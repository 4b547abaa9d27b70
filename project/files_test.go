package project_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/project"
)

func TestNewFiles(t *testing.T) {
	files, err := project.NewFiles([]project.File{{"b/x.pipe", "1"}, {"README.md", "2"}, {"a.datasource", "3"}, {"c.connection", ""}, {"d.DATASOURCE", ""}})
	require.NoError(t, err)
	require.Equal(t, project.Files{{"a.datasource", "3"}, {"b/x.pipe", "1"}, {"c.connection", ""}}, files)

	f := func(want string, list ...project.File) {
		t.Helper()
		_, err := project.NewFiles(list)
		require.ErrorIs(t, err, project.ErrFiles)
		require.ErrorContains(t, err, want)
	}
	for _, name := range []string{
		"../x.pipe", "/etc/x.pipe", "a//x.pipe", "a/../x.pipe", "./x.pipe", "a\x00.pipe", "a\nb.pipe", "\xff.pipe", strings.Repeat("n", 520) + ".pipe",
	} {
		f("is no name of a file", project.File{Name: name})
	}
	f("is there twice", project.File{Name: "a.pipe"}, project.File{Name: "b.pipe"}, project.File{Name: "a.pipe"})
	f("1048576 are allowed", project.File{Name: "a.pipe", Text: strings.Repeat("x", 1<<20+1)})
	var many, large []project.File
	for i := range 10_001 {
		many = append(many, project.File{Name: fmt.Sprintf("%d.pipe", i)})
	}
	f("10000 are allowed", many...)
	for i := range 17 {
		large = append(large, project.File{Name: fmt.Sprintf("%d.pipe", i), Text: strings.Repeat("x", 1<<20)})
	}
	f("bytes together", large...)
	_, err = project.NewFiles(large[:16])
	require.NoError(t, err)
}

func TestReadFiles(t *testing.T) {
	files, err := project.ReadFiles(fstest.MapFS{
		"a.datasource": {Data: []byte("1")}, ".hidden/b.pipe": {Data: []byte("2")}, "x/y/c.pipe": {Data: []byte("3")}, "x/notes.txt": {Data: []byte("4")},
	})
	require.NoError(t, err)
	require.Equal(t, project.Files{{"a.datasource", "1"}, {"x/y/c.pipe", "3"}}, files)
	_, err = project.ReadFiles(fstest.MapFS{"a.pipe": {Data: make([]byte, 1<<20+5)}})
	require.ErrorIs(t, err, project.ErrFiles)
}

func TestChangesTo(t *testing.T) {
	before := project.Files{{"a.datasource", "1"}, {"b.datasource", "1"}, {"x/p.pipe", "1"}, {"q.pipe", "1"}}
	c := before.ChangesTo(project.Files{{"d/b.datasource", "2"}, {"c.datasource", "1"}, {"y/p.pipe", "1"}, {"a.pipe", "1"}, {"a.connection", ""}})
	require.Equal(t, map[string][]string{".datasource": {"c"}, ".pipe": {"a"}, ".connection": {"a"}}, c.New)
	require.Equal(t, map[string][]string{".datasource": {"b"}}, c.Changed)
	require.Equal(t, map[string][]string{".datasource": {"a"}, ".pipe": {"q"}}, c.Deleted)
	require.False(t, c.None())
	moved := before.ChangesTo(project.Files{{"x/a.datasource", "1"}, {"b.datasource", "1"}, {"p.pipe", "1"}, {"q.pipe", "1"}})
	require.True(t, moved.None())
}
