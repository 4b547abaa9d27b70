package main

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/residualdb/residual/cmd/residual/internal/client"
)

// serverFlags say which running server a command speaks to.
type serverFlags struct {
	server, token string
	retryFor      span
}

func (f *serverFlags) register(flags *pflag.FlagSet) {
	f.retryFor = span(time.Minute)
	flags.StringVar(&f.server, "server", "http://127.0.0.1:7181", "base URL of the server")
	flags.StringVar(&f.token, "token", "", "token to send; better set as RESIDUAL_TOKEN, where other users cannot see it")
}

func (f *serverFlags) client(parallel int) (*client.Client, error) {
	c, err := client.New(client.Options{
		Server: f.server, Token: f.token, RetryFor: time.Duration(f.retryFor), Connections: parallel,
	})
	if err != nil {
		return nil, &usageError{err}
	}
	return c, nil
}
