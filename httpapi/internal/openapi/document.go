package openapi

import (
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/params"
	"github.com/residualdb/residual/httpapi/internal/pipes"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// object is a JSON object of the OpenAPI document.
type object = map[string]any

// openAPIType is the JSON schema of a column type.
func openAPIType(k encode.Kind) object {
	switch k {
	case encode.Float64, encode.NullableFloat64:
		return object{"type": []string{"number", "null"}}
	case encode.UInt64:
		return object{"type": "integer", "minimum": 0}
	case encode.Int64:
		return object{"type": "integer"}
	case encode.Date:
		return object{"type": "string", "format": "date"}
	case encode.DateTime:
		return object{"type": "string", "pattern": `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$`}
	case encode.NullableDateTime:
		return object{"type": []string{"string", "null"}, "pattern": `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$`}
	case encode.DateTime64:
		return object{"type": "string", "pattern": `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$`}
	case encode.NullableString:
		return object{"type": []string{"string", "null"}}
	case encode.Strings:
		return object{"type": "array", "items": object{"type": "string"}}
	default:
		return object{"type": "string"}
	}
}

// Shown is what a document describes: what who asks may ask.
type Shown struct {
	Version string
	Pipes   iter.Seq[*pipes.Pipe]
	// SQL, Deployments and Tokens are the routes beside pipes.
	SQL, Deployments, Tokens bool
}

// Document describes a server as OpenAPI 3.1, to be written as JSON.
func Document(shown *Shown) map[string]any {
	paths, parameters := object{}, object{}
	for p := range shown.Pipes {
		for i := range p.Parameters {
			parameters[p.Name+"."+component(&p.Parameters[i])] = parameterOpenAPI(&p.Parameters[i])
		}
		for _, f := range p.Formats() {
			paths[pipes.Prefix+p.Name+"."+f.Extension] = pipeOperations(p, &f)
		}
	}
	if shown.SQL {
		maps.Copy(paths, sqlPaths())
	}
	if shown.Deployments {
		maps.Copy(paths, deployPaths())
	}
	if shown.Tokens {
		maps.Copy(paths, tokenPaths())
	}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Residual", "version": shown.Version,
			"description": "Error metrics and drift of machine-learning models in production.",
			"license":     object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers":  []object{{"url": "/"}},
		"security": []object{{"bearer": []string{}}, {"parameter": []string{}}, {}},
		"paths":    paths,
		"components": object{
			"securitySchemes": object{
				"bearer":    object{"type": "http", "scheme": "bearer"},
				"parameter": object{"type": "apiKey", "in": "query", "name": "token"},
			},
			"parameters": parameters,
			"responses": object{"Error": object{
				"description": "What is wrong, in one sentence.",
				"content":     object{problem.JSONType: object{"schema": errorSchema()}},
			}},
		},
	}
}

func errorSchema() object {
	return object{
		"type": "object", "required": []string{"error", "documentation"},
		"properties": object{
			"error":         object{"type": "string"},
			"documentation": object{"type": "string", "format": "uri"},
		},
	}
}

// pipeOperations describe a pipe in one format: a GET, and for JSON also the POST that takes its parameters in a body.
func pipeOperations(p *pipes.Pipe, f *encode.Format) object {
	schema := object{"type": "string"}
	switch f.Extension {
	case "json":
		schema = answerSchema(object{"type": "object", "properties": columnSchemas(p)})
	case "jsoncompact":
		schema = answerSchema(object{"type": "array", "description": "a value for each of meta"})
	}
	if f.Nested && slices.ContainsFunc(p.Parameters, func(x params.Parameter) bool { return x.Name == "layout" }) {
		schema = object{"anyOf": []object{schema, seriesSchema(p)}}
	}
	failure := object{"$ref": "#/components/responses/Error"}
	responses := object{
		"200": object{"description": p.Description, "content": object{f.ContentType: object{"schema": schema}}},
		"400": failure, "403": failure, "503": failure,
	}
	var parameters []object
	properties := object{}
	for i := range p.Parameters {
		name := p.Parameters[i].Name
		parameters = append(parameters, object{"$ref": "#/components/parameters/" + p.Name + "." + component(&p.Parameters[i])})
		if p.Parameters[i].Kind != "Condition" { // the body's further properties are those
			properties[name] = parameterSchema(&p.Parameters[i])
		}
	}
	id := p.Name + "_" + f.Extension
	operations := object{
		"get": object{"operationId": "get_" + id, "summary": p.Description, "parameters": parameters, "responses": responses},
	}
	if f.Extension == "json" {
		body := object{"schema": object{"type": "object", "properties": properties}}
		operations["post"] = object{
			"operationId": "post_" + id, "summary": p.Description, "responses": responses,
			"requestBody": object{"content": object{"application/json": body, "application/x-www-form-urlencoded": body}},
		}
	}
	return operations
}

// component is the parameter's name as names may be in the document.
func component(p *params.Parameter) string { return strings.TrimSuffix(p.Name, ".<key>") }

func parameterOpenAPI(p *params.Parameter) object {
	if p.Kind == "Condition" {
		// Each property of an exploded object is a parameter of its own.
		return object{
			"name": p.Name, "in": "query", "required": false, "description": p.Description, "schema": parameterSchema(p),
			"style": "form", "explode": true,
		}
	}
	return object{"name": p.Name, "in": "query", "required": false, "description": p.Description, "schema": parameterSchema(p)}
}

func defaultValue(p *params.Parameter) any {
	switch p.Kind {
	case "Int32", "Float64":
		return json.Number(p.Default)
	case "Boolean":
		return p.Default == "true"
	}
	return p.Default
}

func parameterSchema(p *params.Parameter) object {
	schema := object{"type": "string"}
	switch p.Kind {
	case "Condition":
		schema = object{"type": "object", "additionalProperties": object{"type": "string"}}
	case "Int32":
		schema = object{"type": "integer", "format": "int32"}
	case "Boolean":
		schema = object{"type": "boolean"}
	case "Float64":
		schema = object{"type": "number"}
	}
	if p.Default != "" {
		schema["default"] = defaultValue(p)
	}
	return schema
}

// columnSchemas are the schemas of the columns of a row. An answer need not have all of them.
func columnSchemas(p *pipes.Pipe) object {
	properties := object{}
	for _, column := range p.Columns {
		schema := openAPIType(column.Kind)
		if of, ok := schema["type"].(string); ok && column.Optional {
			schema["type"] = []string{of, "null"}
		}
		if description := p.Describe(column.Name); description != "" {
			schema["description"] = description
		}
		properties[column.Name] = schema
	}
	return properties
}

// seriesSchema is the schema of a pipe's answer with layout=series.
func seriesSchema(p *pipes.Pipe) object {
	properties := object{}
	for i, column := range p.Columns {
		switch {
		case i < len(pipes.SeriesColumns):
			properties[column.Name] = openAPIType(column.Kind)
		case i >= encode.SeriesColumns:
			properties[column.Name] = object{"type": "array", "items": openAPIType(column.Kind)}
		}
	}
	return object{
		"type": "object", "required": []string{"bucket_start", "series", "statistics"},
		"properties": object{
			"bucket_start": object{"type": "array", "items": object{"type": "integer", "minimum": 0, "description": "Unix seconds"}},
			"series": object{"type": "array", "items": object{
				"type": "object", "required": []string{pipes.SeriesColumns[0].Name, pipes.SeriesColumns[1].Name, pipes.SeriesColumns[2].Name}, "properties": properties,
			}},
			"statistics": statisticsSchema(),
		},
	}
}

func statisticsSchema() object {
	count := object{"type": "integer", "minimum": 0}
	return object{
		"type": "object", "required": []string{"elapsed", "rows_read", "bytes_read"},
		"properties": object{"elapsed": object{"type": "number"}, "rows_read": count, "bytes_read": count},
	}
}

// answerSchema is the schema of a pipe's answer in JSON, of rows of a schema.
func answerSchema(row object) object {
	count := object{"type": "integer", "minimum": 0}
	return object{
		"type": "object", "required": []string{"meta", "data", "rows", "statistics"},
		"properties": object{
			"meta": object{"type": "array", "items": object{
				"type": "object", "required": []string{"name", "type"},
				"properties": object{"name": object{"type": "string"}, "type": object{"type": "string"}},
			}},
			"data": object{"type": "array", "items": row},
			"rows": count, "rows_before_limit_at_least": count, "totals": object{"type": "array", "items": object{"type": "object"}},
			"statistics": statisticsSchema(),
		},
	}
}
