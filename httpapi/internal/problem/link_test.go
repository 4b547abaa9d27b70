package problem_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/problem"
)

// TestLinks sends the reader to a section of the page about HTTP, or to another page.
func TestLinks(t *testing.T) {
	for section, want := range map[string]string{
		"tokens": "https://github.com/residualdb/residual/blob/main/docs/http.md#tokens",
		"sql.md": "https://github.com/residualdb/residual/blob/main/docs/sql.md",
	} {
		var response fasthttp.Response
		problem.New(fasthttp.StatusBadRequest, section, "it is wrong").Write(&response)
		require.JSONEq(t, `{"error":"it is wrong","documentation":"`+want+`"}`, string(response.Body()))
	}
}
