package httpapi

import (
	"maps"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/internal/endpoint"
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

// getOpenAPI serves GET /v0/pipes/openapi.json: the pipes that the token may ask, as OpenAPI 3.1.
func (s *Server) getOpenAPI(c *call) error {
	if c.findDescriptionTag("openapi"); c.unchanged() {
		return nil
	}
	c.ctx.Response.Header.Set(fasthttp.HeaderETag, c.tag)
	paths, parameters := object{}, object{}
	for p := range c.sources.pipes() {
		if !p.openTo(&c.principal, c.store) {
			continue
		}
		for j := range p.parameters {
			parameters[p.name+"."+p.parameters[j].component()] = p.parameters[j].openAPI()
		}
		for _, f := range p.formats() {
			paths[pipesPrefix+p.name+"."+f.Extension] = p.openAPI(&f)
		}
	}
	if _, ok := c.store.(endpoint.Store); ok && c.sources.set != nil {
		maps.Copy(paths, sqlPaths())
	}
	if c.principal.Holds(auth.Scope{Kind: auth.Deploy}) {
		maps.Copy(paths, deployPaths())
	}
	if c.principal.Holds(auth.Scope{Kind: auth.Admin}) {
		maps.Copy(paths, tokenPaths())
	}
	return c.sendJSON(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Residual", "version": s.opts.Version,
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
	})
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

// openAPI describes a pipe in one format: a GET, and for JSON also the POST that takes its parameters in a body.
func (p *pipe) openAPI(f *encode.Format) object {
	schema := object{"type": "string"}
	switch f.Extension {
	case "json":
		schema = answerSchema(object{"type": "object", "properties": p.columnSchemas()})
	case "jsoncompact":
		schema = answerSchema(object{"type": "array", "description": "a value for each of meta"})
	}
	if f.Nested && slices.ContainsFunc(p.parameters, func(x Parameter) bool { return x.Name == "layout" }) {
		schema = object{"anyOf": []object{schema, p.seriesSchema()}}
	}
	failure := object{"$ref": "#/components/responses/Error"}
	responses := object{
		"200": object{"description": p.description, "content": object{f.ContentType: object{"schema": schema}}},
		"400": failure, "403": failure, "503": failure,
	}
	var parameters []object
	properties := object{}
	for i := range p.parameters {
		name := p.parameters[i].Name
		parameters = append(parameters, object{"$ref": "#/components/parameters/" + p.name + "." + p.parameters[i].component()})
		if p.parameters[i].Kind != "Condition" { // the body's further properties are those
			properties[name] = p.parameters[i].schema()
		}
	}
	id := p.name + "_" + f.Extension
	operations := object{
		"get": object{"operationId": "get_" + id, "summary": p.description, "parameters": parameters, "responses": responses},
	}
	if f.Extension == "json" {
		body := object{"schema": object{"type": "object", "properties": properties}}
		operations["post"] = object{
			"operationId": "post_" + id, "summary": p.description, "responses": responses,
			"requestBody": object{"content": object{"application/json": body, "application/x-www-form-urlencoded": body}},
		}
	}
	return operations
}

// component is the parameter's name as names may be in the document.
func (p *Parameter) component() string { return strings.TrimSuffix(p.Name, ".<key>") }

func (p *Parameter) openAPI() object {
	if p.Kind == "Condition" {
		// Each property of an exploded object is a parameter of its own.
		return object{
			"name": p.Name, "in": "query", "required": false, "description": p.Description, "schema": p.schema(),
			"style": "form", "explode": true,
		}
	}
	return object{"name": p.Name, "in": "query", "required": false, "description": p.Description, "schema": p.schema()}
}

func (p *Parameter) schema() object {
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
		schema["default"] = p.defaultValue()
	}
	return schema
}

// columnSchemas are the schemas of the columns of a row. An answer need not have all of them.
func (p *pipe) columnSchemas() object {
	properties := object{}
	for _, column := range p.columns {
		schema := openAPIType(column.Kind)
		if of, ok := schema["type"].(string); ok && column.Optional {
			schema["type"] = []string{of, "null"}
		}
		if description := p.describe(column.Name); description != "" {
			schema["description"] = description
		}
		properties[column.Name] = schema
	}
	return properties
}

// seriesSchema is the schema of a pipe's answer with layout=series.
func (p *pipe) seriesSchema() object {
	properties := object{}
	for i, column := range p.columns {
		switch {
		case i < len(seriesColumns):
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
				"type": "object", "required": []string{seriesColumns[0].Name, seriesColumns[1].Name, seriesColumns[2].Name}, "properties": properties,
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
