// Package starter has the project that `residual init` writes: that of the tutorial, with tests, rows to run them on, and a workflow. Its
// files are in files/, as they are written.
package starter
