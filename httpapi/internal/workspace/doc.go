// Package workspace has what clients of Tinybird ask beside events and answers: deployments, tokens, jobs, and what they take for their workspace.
//
// Forms become files, and what is known of deployments becomes the JSON that those clients read. [Deployments] is what the server needs
// for it; nothing here knows how a project is checked or kept. [Deploys], [Tokens] and [Jobs] serve the routes, each for who may: the token of a
// deployment, an admin, whoever asked for what a job did.
//
// One project is deployed at a time, because it takes memory many times its size while it is read. Of a token all is told but the token itself,
// which is told once. The last jobs are remembered, up to a restart. All functions and methods are safe for concurrent use.
//
// Errors of this package are of the classes of errors.go, or of internal/problem.
package workspace
