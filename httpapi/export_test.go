package httpapi

import (
	"github.com/residualdb/residual/httpapi/internal/body"
	"github.com/residualdb/residual/httpapi/internal/conn"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/exchange"
	"github.com/residualdb/residual/httpapi/internal/pipes"
)

// HashOf is the hash of a short body under an idempotency key.
func HashOf(source, format, text string) [16]byte {
	h := body.NewHash(source, format)
	h.Add([]byte(text))
	return h.Sum()
}

// Surface lists the methods and paths of the route table, and GET and POST of every pipe.
func Surface() (list []string) {
	add := func(r *route, path string) {
		if r.get != nil {
			list = append(list, "GET "+path)
		}
		if r.post != nil {
			list = append(list, "POST "+path)
		}
	}
	for i := range routes {
		add(&routes[i], routes[i].path)
	}
	for i := range workspaceRoutes {
		add(&workspaceRoutes[i], workspaceRoutes[i].path)
	}
	for p := range pipes.NewSet(nil).All() {
		add(&pipeRoute, pipes.Prefix+p.Name)
	}
	return list
}

// WorkspacePaths are those of what clients ask for the workspace.
func WorkspacePaths() (list []string) {
	for i := range workspaceRoutes {
		list = append(list, workspaceRoutes[i].path)
	}
	return list
}

// OpenConns is how many connections the server has.
func (s *Server) OpenConns() int { return s.openConns() }

// DefaultLimits are the limits of a server without options.
func DefaultLimits() Limits { return Limits{}.withDefaults() }

// The limits that are not options.
const (
	HeadBytesMax       = conn.HeadBytesMax
	QueryBytesMax      = conn.QueryBytesMax
	PathBytesMax       = conn.PathBytesMax
	ParameterBytesMax  = exchange.ParameterBytesMax
	RequestsPerConnMax = requestsPerConnMax
	ExpansionMax       = body.ExpansionMax
	KeyBytesMax        = keyBytesMax

	AnswerPieceBytes     = encode.PieceBytes
	AnswerBytesPerSecond = exchange.AnswerBytesPerSecond
	DefaultModelGauges   = defaultModelGauges
)
