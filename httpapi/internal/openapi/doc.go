// Package openapi describes a server as OpenAPI 3.1.
//
// [Document] makes the description of the pipes and routes that who asks may ask: of the values that pipes are made of, so that it cannot differ
// from what is served. It holds nothing, and has no errors.
package openapi
