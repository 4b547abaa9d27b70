// Package project reads the files in which a team keeps its data sources and pipes as code, as Tinybird writes them: .datasource files,
// which say what a data source's events look like, .connection files, which say where events are fetched, and .pipe files, which say
// what is answered. Nothing is fetched here: `residual check` shows what is wrong with a project, and `residual serve --project` and a
// deploy do what it says.
//
// # Model
//
// A [Project] is a folder. [Load] reads its files in two steps. The syntax of a file is a list of commands, each with a value or a
// block of lines (file.go). The meaning is what this module does with them: a [Datasource] is a mapping onto the columns of a
// prediction, or of an actual, and may name a [Connection].
//
// [Pipes] are nodes of SQL with templates. A question puts its parameters in (internal/template), the text becomes a statement
// (internal/sql), and the statement a plan over what a store knows of rows (internal/plan). Plans are kept by their texts. A set of pipes
// does not change and is safe for concurrent use.
//
// # Errors
//
// Everything that is wrong is a [Problem] with its place in the file and with what to do; Load returns all of them, as [Problems].
// What a file asks for and this module does not do is a problem too: nothing is guessed, and nothing is left out without a word.
// Problems with Warning set do not keep a project from being used.
//
// # Secrets
//
// A value may have {{ tb_secret("NAME") }} in it. Secrets come from the caller of Load; no Problem shows the value of one, and
// [Secret] hides it from printing.
package project
