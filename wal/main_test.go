package wal_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"github.com/residualdb/residual/internal/testing/crashtest"
)

var flags = crashtest.RegisterFlags(flag.CommandLine)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
