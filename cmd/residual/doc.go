// Command residual watches machine-learning models in production: it takes predictions over HTTP and answers with RMSE, MAE and
// drift over any window.
//
// Each command has its own file, which declares its flags and wires packages together; what they do lives in those packages.
// Every flag can also be set as an environment variable, --listen as RESIDUAL_LISTEN, but for --data-dir of backup, delete and export; a
// flag on the command line wins.
//
// Exit codes: 0 for success, 1 for a failure, 2 for a command line that is not understood.
package main
