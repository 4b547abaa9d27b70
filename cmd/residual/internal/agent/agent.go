package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/residualdb/residual/cmd/residual/internal/client"
)

// instructions are what a model is told before it sees a tool.
const instructions = `Residual keeps the predictions of machine-learning models, what came true, and exact sums of the errors. ` +
	`Begin with list_models: it names the models, with those first that need attention. All times are UTC. ` +
	`drift_percentage is a ratio: 0.5 means that the error is half as large again. A prediction without an actual counts in no error.`

// Agent answers for one token.
type Agent struct {
	client *client.Client
	mcp    *mcp.Server
	token  string
	known  *knownTools
}

// New returns an agent that asks a server through c. The version is that of the program.
func New(c *client.Client, version string) *Agent { return newAgent(c, version, "", new(knownTools)) }

// newAgent returns an agent for a token; known are the tools of it and others.
func newAgent(c *client.Client, version, token string, known *knownTools) *Agent {
	a := &Agent{client: c, token: token, known: known}
	a.mcp = mcp.NewServer(&mcp.Implementation{Name: "residual", Title: "Residual", Version: version}, &mcp.ServerOptions{
		Instructions: instructions,
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}},
	})
	a.mcp.AddPrompt(attention, askForAttention)
	addTexts(a.mcp)
	a.mcp.AddReceivingMiddleware(a.serveTools)
	return a
}

// Run speaks over a pair of streams, one message a line, until the other side ends or ctx does.
func (a *Agent) Run(ctx context.Context, in io.ReadCloser, out io.WriteCloser) error {
	if err := a.mcp.Run(ctx, &mcp.IOTransport{Reader: in, Writer: out}); err != nil && ctx.Err() == nil {
		return fmt.Errorf("speak to the agent: %w", err)
	}
	return nil
}

// serveTools answers for the tools, which are those that there are when they are asked for.
func (a *Agent) serveTools(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, request mcp.Request) (mcp.Result, error) {
		switch r := request.(type) {
		case *mcp.ListToolsRequest:
			tools, err := a.tools(ctx)
			if err != nil {
				return nil, err
			}
			return &mcp.ListToolsResult{Cacheable: mcp.Cacheable{CacheScope: "private"}, Tools: tools}, nil
		case *mcp.CallToolRequest:
			return a.call(ctx, r.Params.Name, r.Params.Arguments)
		}
		return next(ctx, method, request)
	}
}

// call answers a tool.
func (a *Agent) call(ctx context.Context, name string, arguments json.RawMessage) (*mcp.CallToolResult, error) {
	tools, err := a.tools(ctx)
	if err != nil {
		return refused(err), nil
	}
	for _, tool := range tools {
		if tool.Name != name {
			continue
		}
		q, err := read(tool, arguments)
		if err != nil {
			return refused(err), nil
		}
		body, err := a.client.Get(ctx, q.path, q.values)
		if err != nil {
			return refused(err), nil
		}
		defer body.Close()
		text, err := shorten(body)
		if err != nil {
			return refused(err), nil
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(text)}}, StructuredContent: json.RawMessage(text)}, nil
	}
	return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: fmt.Sprintf("there is no tool %q", name)}
}

// refused is an answer that says what is wrong.
func refused(err error) *mcp.CallToolResult {
	return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: err.Error()}}}
}
