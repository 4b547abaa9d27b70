// Package folder reads what a command line names folders for: the files of a project, and the secrets of this machine.
//
// A folder that does not exist is a failure, and a path that is no folder one of usage ([arg.UsageError]). A secret is looked for in a file of
// its name, and then in the environment; no error has the text of one. Functions keep nothing, and are safe for concurrent use.
package folder
