package pipes

import "github.com/residualdb/residual/httpapi/internal/params"

// SQLPath is where the pipes of a project, and the rows, are asked in SQL.
const SQLPath = "/v0/sql"

// SQLParameters are those of /v0/sql.
var SQLParameters = []params.Parameter{
	{Name: "q", Kind: "String", Description: "the statement"},
	{Name: "format", Kind: "String", Description: "how the answer is written, where the statement has no FORMAT"},
	{Name: "pipeline", Kind: "String", Description: "the pipe that is called _ in the statement"},
}
