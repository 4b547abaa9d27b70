package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// The tools beside the pipes.
const (
	listModels = "list_models"
	sqlTool    = "sql"
)

const (
	pipesPath  = "/v0/pipes/"
	modelsPipe = "models"
	sqlPath    = "/v0/sql"
	// extension is that of the format in which pipes are asked: rows are lists there, which say the most in the fewest bytes.
	extension = ".jsoncompact"
)

// modelColumns are what list_models tells of a model: what a person looks at first, of some seventy columns.
const modelColumns = "model_id,model_version,environment,state,reason,prediction_count,actual_count,recent_mae,reference_mae,relative_change,ci95_low,ci95_high," +
	"last_event,last_actual,changed_at"

// documentBytesMax bounds what is read of a server's description of its pipes.
const documentBytesMax = 16 << 20

// document is what is wanted of an OpenAPI document.
type document struct {
	Paths map[string]struct {
		Get *struct {
			Summary    string      `json:"summary"`
			Parameters []parameter `json:"parameters"`
		} `json:"get"`
	} `json:"paths"`
	Components struct {
		Parameters map[string]parameter `json:"parameters"`
	} `json:"components"`
}

// parameter is one of a pipe, or where it is described.
type parameter struct {
	Ref         string         `json:"$ref"`
	Name        string         `json:"name"`
	Required    bool           `json:"required"`
	Description string         `json:"description"`
	Schema      map[string]any `json:"schema"`
}

// tools are those of the pipes that the token may ask, by name, behind those that are always there. The server tells whether they are those that
// are known.
func (a *Agent) tools(ctx context.Context) ([]*mcp.Tool, error) {
	known := a.known.get(a.token)
	body, tag, err := a.client.GetChanged(ctx, pipesPath+"openapi.json", known.tag)
	if err != nil || body == nil {
		return known.tools, err
	}
	defer body.Close()
	var d document
	if err := json.NewDecoder(io.LimitReader(body, documentBytesMax)).Decode(&d); err != nil {
		return nil, fmt.Errorf("read the description of the pipes: %w", err)
	}
	tools := d.tools()
	a.known.put(a.token, described{tag, tools})
	return tools, nil
}

// tools are those that a description has.
func (d *document) tools() []*mcp.Tool {
	var tools []*mcp.Tool
	if d.Paths[pipesPath+modelsPipe+extension].Get != nil {
		tools = append(tools, modelsTool())
	}
	if d.Paths[sqlPath].Get != nil {
		tools = append(tools, statementTool())
	}
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		name, isPipe := strings.CutPrefix(strings.TrimSuffix(path, extension), pipesPath)
		if get := d.Paths[path].Get; isPipe && strings.HasSuffix(path, extension) && get != nil && name != listModels && name != sqlTool {
			tools = append(tools, newTool(name, get.Summary, d.resolve(get.Parameters)))
		}
	}
	return tools
}

// resolve puts in what parameters refer to.
func (d *document) resolve(parameters []parameter) []parameter {
	resolved := make([]parameter, 0, len(parameters))
	for _, p := range parameters {
		if p.Ref != "" {
			p = d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
		}
		if p.Name != "" {
			resolved = append(resolved, p)
		}
	}
	return resolved
}

// newTool describes a tool that asks and changes nothing.
func newTool(name, description string, parameters []parameter) *mcp.Tool {
	properties, required := map[string]any{}, []string{}
	for _, p := range parameters {
		schema := maps.Clone(p.Schema)
		if schema == nil {
			schema = map[string]any{"type": "string"}
		}
		schema["description"] = p.Description
		properties[p.Name] = schema
		if p.Required {
			required = append(required, p.Name)
		}
	}
	return &mcp.Tool{
		Name: name, Description: description,
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true, IdempotentHint: true},
		InputSchema: map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false},
	}
}

func text(description string) map[string]any {
	return map[string]any{"type": "string", "description": description}
}

// modelsTool is the pipe models with the columns and the order that a first look needs.
func modelsTool() *mcp.Tool {
	return newTool(listModels, "The models, those first that need attention: state, number of predictions and actuals, error, and how it moved. Begin here.", []parameter{
		{Name: "model_id", Description: "a name, several with commas between them, or a pattern such as team_*; all without it", Schema: text("")},
		{Name: "environment", Description: "production without it; * for all", Schema: text("")},
		{Name: "limit", Description: "how many at most; 50 without it", Schema: map[string]any{"type": "integer", "minimum": 1}},
	})
}

// statementTool is SQL over the predictions.
func statementTool() *mcp.Tool {
	return newTool(sqlTool, "A SELECT of ClickHouse's SQL over ml_model_predictions, as far as sums can answer it: counts, averages, extremes and quantiles of "+
		"predicted_value, actual_value and their difference, by model_id, model_version, environment and time. What is not understood is refused with the place.",
		[]parameter{{Name: "q", Required: true, Description: "the statement, without FORMAT", Schema: text("")}})
}

// question is what a call of a tool asks the server.
type question struct {
	path   string
	values url.Values
}

// read makes the arguments of a call a question. Arguments that the tool does not have are refused: a name that is misspelt must not
// be taken for one that is not given.
func read(tool *mcp.Tool, arguments json.RawMessage) (question, error) {
	given := map[string]json.RawMessage{}
	if len(arguments) > 0 && string(arguments) != "null" {
		if err := json.Unmarshal(arguments, &given); err != nil {
			return question{}, fmt.Errorf("the arguments must be an object: %w", err)
		}
	}
	schema := tool.InputSchema.(map[string]any)
	known := schema["properties"].(map[string]any)
	q := question{path: pipesPath + tool.Name + extension, values: url.Values{}}
	for name, value := range given {
		key, isCondition := strings.CutPrefix(name, "feature.")
		if _, ok := known[name]; !ok && !(isCondition && key != "" && known["feature.<key>"] != nil) {
			return question{}, fmt.Errorf("there is no parameter %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if string(value) == "null" {
			continue
		}
		if err := q.add(name, value); err != nil {
			return question{}, err
		}
	}
	for _, name := range schema["required"].([]string) {
		if !q.values.Has(name) {
			return question{}, fmt.Errorf("the parameter %q is needed", name)
		}
	}
	switch tool.Name {
	case listModels:
		q.path = pipesPath + modelsPipe + extension
		q.values.Set("order", "attention")
		q.values.Set("columns", modelColumns)
		if !q.values.Has("limit") {
			q.values.Set("limit", "50")
		}
	case sqlTool:
		q.path = sqlPath
		q.values.Set("format", "JSONCompact")
	}
	return q, nil
}

// add adds a parameter: a text as it stands, numbers and truth values as JSON writes them, the members of a list with commas between
// them, and those of an object as conditions on features.
func (q *question) add(name string, value json.RawMessage) error {
	var texts []string
	var members map[string]any
	var single string
	switch {
	case json.Unmarshal(value, &single) == nil:
	case json.Unmarshal(value, &texts) == nil:
		if slices.ContainsFunc(texts, func(member string) bool { return strings.Contains(member, ",") }) {
			return fmt.Errorf("the parameter %q is a list with commas between its members, and one of them has a comma", name)
		}
		single = strings.Join(texts, ",")
	case value[0] == '{' && name == "feature.<key>" && json.Unmarshal(value, &members) == nil:
		for key, member := range members {
			q.values.Set("feature."+key, fmt.Sprint(member))
		}
		return nil
	case value[0] == '{' || value[0] == '[':
		return fmt.Errorf("the parameter %q must be a text, a number, true or false", name)
	default:
		single = string(value)
	}
	q.values.Set(name, single)
	return nil
}
