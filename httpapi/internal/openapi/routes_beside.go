package openapi

import (
	"github.com/residualdb/residual/httpapi/internal/pipes"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/httpapi/internal/workspace"
)

// flag is a parameter that is true or false.
func flag(name, description string) object {
	return object{"name": name, "in": "query", "required": false, "description": description, "schema": object{"type": "boolean", "default": false}}
}

func pathParameter(name string) object {
	return object{"name": name, "in": "path", "required": true, "schema": object{"type": "string"}}
}

// operation describes a route that answers with a JSON object.
func operation(id, summary string, answer object, parameters ...object) object {
	failure := object{"$ref": "#/components/responses/Error"}
	return object{
		"operationId": id, "summary": summary, "parameters": parameters,
		"responses": object{
			"200": object{"description": summary, "content": object{problem.JSONType: object{"schema": answer}}},
			"400": failure, "403": failure, "404": failure, "503": failure,
		},
	}
}

// deploymentSchema is that of a deployment.
func deploymentSchema() object {
	return object{
		"type": "object", "required": []string{"id", "status", "live", "errors", "feedback"},
		"properties": object{
			"id": object{"type": "string"}, "status": object{"type": "string", "enum": []string{"data_ready", "deleted", "failed"}},
			"live": object{"type": "boolean"}, "created_at": object{"type": "string"}, "by": object{"type": "string"},
			"errors": object{"type": "array", "items": object{
				"type": "object", "properties": object{"filename": object{"type": "string"}, "error": object{"type": "string"}},
			}},
			"feedback": object{"type": "array", "items": object{
				"type": "object", "properties": object{"resource": object{"type": "string"}, "level": object{"type": "string"}, "message": object{"type": "string"}},
			}},
		},
	}
}

// deployPaths describe what a token that may deploy can ask beside pipes.
func deployPaths() object {
	outcome := object{
		"type": "object", "required": []string{"result", "deployment"},
		"properties": object{"result": object{"type": "string", "enum": []string{"success", "failed", "no_changes"}}, "deployment": deploymentSchema()},
	}
	one := object{"type": "object", "required": []string{"deployment"}, "properties": object{"deployment": deploymentSchema()}}
	list := object{"type": "object", "required": []string{"deployments"}, "properties": object{"deployments": object{"type": "array", "items": deploymentSchema()}}}
	destructive := flag("allow_destructive_operations", "allow to leave out what is deployed")
	deploy := operation("post_deploy", "Deploy a project", outcome,
		flag("auto_promote", "make it live at once"), flag("check", "check it and store nothing"), destructive)
	deploy["requestBody"] = object{"required": true, "content": object{"multipart/form-data": object{"schema": object{
		"type": "object", "description": "a part named data_project:// for each file, whose filename is its path in the project",
	}}}}
	id := pathParameter("id")
	return object{
		workspace.DeployPath:      object{"post": deploy},
		workspace.DeploymentsPath: object{"get": operation("get_deployments", "List what is live and what waits", list, flag("include_deleted", "list all that are kept"))},
		workspace.DeploymentsPrefix + "{id}": object{
			"get":    operation("get_deployment", "Tell of a deployment", one, id),
			"delete": operation("delete_deployment", "Drop a deployment that waits", object{"type": "object"}, id),
		},
		workspace.DeploymentsPrefix + "{id}" + workspace.SetLiveSuffix: object{"post": operation("promote_deployment", "Make a deployment live", outcome, id, destructive)},
	}
}

// tokenPaths describe what an admin can ask beside that.
func tokenPaths() object {
	token := object{
		"type": "object", "required": []string{"name", "token", "scopes"},
		"properties": object{
			"name": object{"type": "string"}, "token": object{"type": "string"}, "scopes": object{"type": "array", "items": object{"type": "object"}},
			"models": object{"type": "array", "items": object{"type": "string"}},
		},
	}
	query := func(name string, schema object) object {
		return object{"name": name, "in": "query", "required": true, "schema": schema}
	}
	name := pathParameter("name")
	return object{
		workspace.TokensPath: object{
			"get": operation("get_tokens", "List the tokens, without the tokens themselves",
				object{"type": "object", "properties": object{"tokens": object{"type": "array", "items": token}}}),
			"post": operation("post_tokens", "Make a token, which is shown this once", token,
				query("name", object{"type": "string"}), query("scope", object{"type": "array", "items": object{"type": "string"}}),
				object{
					"name": workspace.ModelsParameter, "in": "query", "required": false, "schema": object{"type": "string"},
					"description": "models that all scopes are bounded to: names, and prefixes with a star behind them, with commas between",
				}),
		},
		workspace.TokensPrefix + "{name}": object{
			"get":    operation("get_token", "Tell of a token", token, name),
			"delete": operation("delete_token", "Revoke a token", object{"type": "object"}, name),
		},
	}
}

// sqlPaths describe /v0/sql in OpenAPI.
func sqlPaths() object {
	var parameters []object
	properties := object{}
	for i := range pipes.SQLParameters {
		parameters = append(parameters, parameterOpenAPI(&pipes.SQLParameters[i]))
		properties[pipes.SQLParameters[i].Name] = parameterSchema(&pipes.SQLParameters[i])
	}
	failure := object{"$ref": "#/components/responses/Error"}
	responses := object{
		"200": object{"description": "The answer, in the format that is asked for.", "content": object{
			problem.JSONType: object{"schema": object{"type": "object"}},
			"text/tab-separated-values; charset=utf-8": object{"schema": object{"type": "string"}},
		}},
		"400": failure, "403": failure, "503": failure,
	}
	form := object{"schema": object{"type": "object", "properties": properties}}
	return object{pipes.SQLPath: object{
		"get": object{"operationId": "get_sql", "summary": "Ask in SQL", "parameters": parameters, "responses": responses},
		"post": object{"operationId": "post_sql", "summary": "Ask in SQL", "responses": responses, "requestBody": object{"content": object{
			"text/plain": object{"schema": object{"type": "string"}}, "application/json": form, "application/x-www-form-urlencoded": form,
		}}},
	}}
}
