// Package workspace has what clients of Tinybird ask beside events and answers: deployments, and what they take for their workspace.
//
// Forms become files, and what is known of deployments becomes the JSON that those clients read. [Deployments] is what the server needs
// for it; nothing here knows how a project is checked or kept. All functions are safe for concurrent use.
//
// Errors of this package are of the classes of errors.go, or of internal/problem.
package workspace
