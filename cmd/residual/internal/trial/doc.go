// Package trial runs the tests of a project: fixtures/ are sent to a server that has the project and nothing else, and what its pipes answer
// is held to tests/.
//
// The files have the form that Tinybird's have. fixtures/<data source>.ndjson or .csv are rows. tests/<pipe>.yaml is a list of tests, each
// with name, parameters, expected_result (the answer as NDJSON, or the text of an error) and expected_http_status. What the server is, and
// at which time its clock stands, is the caller's: a [Client] stands for it.
//
// Functions are safe for concurrent use. Errors of files are of class [ErrFiles]; a test that fails is no error, but counted.
package trial
