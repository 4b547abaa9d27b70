package main

import (
	"io"
	"log/slog"

	"github.com/spf13/pflag"
)

// logFlags say what is logged, and how.
type logFlags struct {
	level, format *choice
}

func (f *logFlags) register(flags *pflag.FlagSet) {
	f.level, f.format = oneOf("info", "debug", "warn", "error"), oneOf("text", "json")
	flags.Var(f.level, "log-level", "least level that is logged")
	flags.Var(f.format, "log-format", "form of the log on standard error")
}

func (f *logFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level.value)); err != nil {
		panic("BUG: " + err.Error())
	}
	opts := &slog.HandlerOptions{Level: level}
	if f.format.value == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
