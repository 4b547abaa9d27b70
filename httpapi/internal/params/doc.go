// Package params reads the parameters of requests: of a query string, a form, or a JSON object.
//
// A [List] has what one request gave, in its order. A handler reads from it by name and type; a value that is not of its type, and a
// parameter that is given twice, are errors of class problem.Error that say what was sent and what would be right. What is not known is ignored,
// but for [List.CheckAll], which is for requests that must not do more than was meant.
//
// A pipe declares its parameters as [Parameter] values, which [List.Known] has while it is asked: defaults come from there, so that what is
// documented is what is done. To read a parameter of a pipe that does not declare it is a bug, and panics.
//
// A List is of one goroutine. What it returns as bytes is valid until [List.Reset]; strings are copies.
package params
