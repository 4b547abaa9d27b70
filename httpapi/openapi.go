package httpapi

// object is a JSON object of the OpenAPI document.
type object = map[string]any

// openAPITypes are the JSON schemas of the column types.
func openAPIType(k kind) object {
	switch k {
	case kindFloat64:
		return object{"type": []string{"number", "null"}}
	case kindUInt64:
		return object{"type": "integer", "minimum": 0}
	case kindDateTime:
		return object{"type": "string", "pattern": `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$`}
	case kindNullableString:
		return object{"type": []string{"string", "null"}}
	case kindStrings:
		return object{"type": "array", "items": object{"type": "string"}}
	}
	return object{"type": "string"}
}

// getOpenAPI serves GET /v0/pipes/openapi.json: the pipes that the token may ask, as OpenAPI 3.1.
func (s *Server) getOpenAPI(c *call) error {
	paths := object{}
	for i := range pipes {
		if p := &pipes[i]; c.mayAsk(p) {
			for j := range formats {
				paths[pipesPrefix+p.name+"."+formats[j].extension] = p.openAPI(&formats[j])
			}
		}
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
			"schemas": object{"Error": object{
				"type": "object", "required": []string{"error", "documentation"},
				"properties": object{
					"error":         object{"type": "string"},
					"documentation": object{"type": "string", "format": "uri"},
				},
			}},
		},
	})
}

// openAPI describes a pipe in one format.
func (p *pipe) openAPI(f *outputFormat) object {
	schema := object{"type": "string"}
	if f.extension == "json" {
		schema = p.answerSchema()
	}
	responses := object{
		"200": object{"description": p.description, "content": object{f.contentType: object{"schema": schema}}},
	}
	for status, description := range map[string]string{
		"400": "A parameter is wrong.", "403": "The token is missing, wrong or not enough.", "503": "The server is busy or starting.",
	} {
		responses[status] = object{
			"description": description,
			"content":     object{jsonType: object{"schema": object{"$ref": "#/components/schemas/Error"}}},
		}
	}
	var parameters []object
	properties := object{}
	for i := range p.parameters {
		schema := p.parameters[i].schema()
		properties[p.parameters[i].name] = schema
		parameters = append(parameters, object{
			"name": p.parameters[i].name, "in": "query", "required": false,
			"description": p.parameters[i].description, "schema": schema,
		})
	}
	id := p.name + "_" + f.extension
	body := object{"schema": object{"type": "object", "properties": properties}}
	return object{
		"get": object{"operationId": "get_" + id, "summary": p.description, "parameters": parameters, "responses": responses},
		"post": object{
			"operationId": "post_" + id, "summary": p.description, "responses": responses,
			"requestBody": object{"content": object{"application/json": body, "application/x-www-form-urlencoded": body}},
		},
	}
}

func (p *parameter) schema() object {
	schema := object{"type": "string"}
	if p.kind == "Int32" {
		schema = object{"type": "integer", "format": "int32"}
	}
	if p.fallback != "" {
		schema["default"] = p.defaultValue()
	}
	return schema
}

// answerSchema is the schema of a pipe's answer in the format json.
func (p *pipe) answerSchema() object {
	properties := object{}
	names := make([]string, len(p.columns))
	for i, column := range p.columns {
		names[i] = column.name
		properties[column.name] = openAPIType(column.kind)
	}
	count := object{"type": "integer", "minimum": 0}
	return object{
		"type": "object", "required": []string{"meta", "data", "rows", "statistics"},
		"properties": object{
			"meta": object{"type": "array", "items": object{
				"type": "object", "required": []string{"name", "type"},
				"properties": object{"name": object{"type": "string"}, "type": object{"type": "string"}},
			}},
			"data": object{"type": "array", "items": object{"type": "object", "required": names, "properties": properties}},
			"rows": count, "rows_before_limit_at_least": count,
			"statistics": object{
				"type": "object", "required": []string{"elapsed", "rows_read", "bytes_read"},
				"properties": object{"elapsed": object{"type": "number"}, "rows_read": count, "bytes_read": count},
			},
		},
	}
}
