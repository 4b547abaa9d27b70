package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/internal/plaintext"
)

// healthTimeout bounds the wait for an answer: who asks every few seconds asks again.
const healthTimeout = 5 * time.Second

func newHealth() *cobra.Command {
	var server serverFlags
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Say whether a running server takes events",
		Long: `Health prints what the server says of itself, and exits with 0 if it takes events and with 1 if it does not, or does not
answer within 5 seconds. It needs no token. It is for what watches a server without another program at hand, as in a container.`,
		Example: `  residual health
  residual health --server https://residual.example:7181`,
		Args: arg.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := server.client(1)
			if err != nil {
				return err
			}
			defer c.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), healthTimeout)
			defer cancel()
			answer, err := c.Health(ctx)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), plaintext.Escape(strings.TrimSpace(answer)))
			return nil
		},
	}
	server.register(cmd.Flags())
	return cmd
}
