package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/residualdb/residual/cmd/residual/internal/agent"
	"github.com/residualdb/residual/cmd/residual/internal/arg"
)

func newMCP() *cobra.Command {
	var server serverFlags
	cmd := &cobra.Command{
		Use:   "mcp",
		Short: "Let an assistant ask a running server, by the Model Context Protocol",
		Long: `Speaks the Model Context Protocol on standard input and output, for programs that start their servers themselves. Each pipe that
the token may ask is a tool; nothing can be changed. A server speaks it too, at /mcp.`,
		Example: `  residual mcp --server http://127.0.0.1:7181`,
		Args:    arg.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := server.client(4)
			if err != nil {
				return err
			}
			defer c.Close()
			ctx, stop := untilInterrupt(cmd.Context())
			defer stop()
			return agent.New(c, version().Version).Run(ctx, io.NopCloser(cmd.InOrStdin()), unclosed{cmd.OutOrStdout()})
		},
	}
	server.register(cmd.Flags())
	return cmd
}

// unclosed is a writer that others may close without an effect.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }
