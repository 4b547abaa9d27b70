package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(execute(context.Background(), process{
		args: os.Args[1:], env: os.LookupEnv, in: os.Stdin, out: os.Stdout, err: os.Stderr,
	}))
}
