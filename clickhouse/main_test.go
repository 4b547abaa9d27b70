package clickhouse_test

import (
	"crypto/tls"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func tlsConfig(skip bool) *tls.Config { return &tls.Config{InsecureSkipVerify: skip} }
