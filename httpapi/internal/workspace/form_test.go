package workspace_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/httpapi/internal/workspace"
)

// FuzzReadForm reads what may be a form: files within their bounds, or an error that is an answer.
func FuzzReadForm(f *testing.F) {
	const part = "--x\r\nContent-Disposition: form-data; name=\"data_project://\"; filename=\"a/b.pipe\"\r\n\r\ntext\r\n"
	f.Add(part + "--x--\r\n")
	f.Add(part + part + "--x")
	f.Add("--x\r\nContent-Disposition: form-data; name=\"context://\"\r\n\r\n--x--\r\n")
	f.Add("--x\r\nContent-Disposition: form-data; name*=utf-8''data_project%3A%2F%2F; filename*=utf-8''%2e%2e%2fx\r\n\r\n--x--\r\n")
	f.Fuzz(func(t *testing.T, body string) {
		files, err := workspace.ReadForm(strings.NewReader(body), "x")
		if err != nil {
			var answer *problem.Error
			require.ErrorAs(t, err, &answer)
			require.Empty(t, files)
			return
		}
		for _, file := range files {
			require.NotEmpty(t, file.Name)
			require.LessOrEqual(t, len(file.Name)+len(file.Text), len(body))
		}
	})
}

func TestReadForm(t *testing.T) {
	files, err := workspace.ReadForm(strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"data_project://\"; filename=\"a/b.pipe\"\r\n\r\nte\r\nxt\r\n"+
		"--x\r\nContent-Disposition: form-data; name=\"other\"; filename=\"c.pipe\"\r\n\r\n\r\n--x--\r\n"), "x")
	require.NoError(t, err)
	require.Equal(t, []workspace.File{{Name: "a/b.pipe", Text: "te\r\nxt"}}, files)
}
