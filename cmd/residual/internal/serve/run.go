package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// Run serves until ctx ends or the store has failed, and prints to out where when it is ready. It follows SIGHUP, and has the process ignore
// SIGPIPE.
func Run(ctx context.Context, out io.Writer, flags *Flags, built Build, log *slog.Logger) error {
	// Who read the log or the output may go; the server stays.
	signal.Ignore(syscall.SIGPIPE)
	server, err := Start(flags, built, log)
	if err != nil {
		return err
	}
	defer shareProcessors()() // behind Start, which bounds what is decoded at a time by the processors
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	if err := server.Open(ctx); err != nil {
		return errors.Join(err, server.Stop())
	}
	if ctx.Err() == nil {
		fmt.Fprintln(out, "listening on", server.URL())
		notify(notifyReady, log)
	}
	err = server.Wait(ctx, hangups)
	notify(notifyStopping, log)
	return errors.Join(err, server.Stop())
}
