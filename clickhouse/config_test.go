package clickhouse_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/clickhouse"
)

func TestParseURL(t *testing.T) {
	f := func(url string, want clickhouse.Config) {
		t.Helper()
		got, err := clickhouse.ParseURL(url)
		require.NoError(t, err, url)
		require.Equal(t, want.TLS != nil, got.TLS != nil, url)
		if got.TLS != nil {
			require.Equal(t, want.TLS.InsecureSkipVerify, got.TLS.InsecureSkipVerify, url)
			got.TLS, want.TLS = nil, nil
		}
		require.Equal(t, want, got, url)
	}
	f("clickhouse://ann@a:9000,b:9001/residual", clickhouse.Config{Addresses: []string{"a:9000", "b:9001"}, Database: "residual", Username: "ann"})
	f("clickhouse://a/residual", clickhouse.Config{Addresses: []string{"a:9000"}, Database: "residual", Username: "default"})
	f("clickhouse://a%40b@[::1]:9/x_1/", clickhouse.Config{Addresses: []string{"[::1]:9"}, Database: "x_1", Username: "a@b"})
	f("clickhouse://ann:@a/r?compress=false", clickhouse.Config{Addresses: []string{"a:9000"}, Database: "r", Username: "ann", Compress: new(false)})
	f("clickhouse://ann@a/r?compress=true", clickhouse.Config{Addresses: []string{"a:9000"}, Database: "r", Username: "ann", Compress: new(true)})
	skip := clickhouse.Config{Addresses: []string{"a:9440"}, Database: "r", Username: "default"}
	skip.TLS = tlsConfig(true)
	f("clickhouse://a/r?secure=true&skip_verify=1", skip)
}

func TestParseURLRefuses(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(notPEM, []byte("no certificate"), 0o600))
	for url, says := range map[string]string{
		"":                                       "begins with clickhouse://",
		"http://a/r":                             "begins with clickhouse://",
		"clickhouse://ann:secret@a/r":            "in a file or in the environment",
		"clickhouse://a":                         "the database",
		"clickhouse://a/":                        "the database",
		"clickhouse://a/drop table":              "the database",
		"clickhouse:///r":                        "is not a host",
		"clickhouse://a,,b/r":                    "is not a host",
		"clickhouse://a:/r":                      "is not a host",
		"clickhouse://a:abc/r":                   "is not a host",
		"clickhouse://a:0/r":                     "is not a host",
		"clickhouse://a:65536/r":                 "is not a host",
		"clickhouse://a/r?secure=perhaps":        "it is true or false",
		"clickhouse://a/r?ssl=true":              `no parameter "ssl"`,
		"clickhouse://a/r?skip_verify=true":      "are for secure=true",
		"clickhouse://a/r?secure=1&ca=none":      "ca: ",
		"clickhouse://a/r?secure=1&ca=" + notPEM: "no certificate in PEM",
		"clickhouse://%zz@a/r":                   "not escaped",
	} {
		_, err := clickhouse.ParseURL(url)
		require.ErrorIs(t, err, clickhouse.ErrURL, url)
		require.ErrorContains(t, err, says, url)
		require.NotContains(t, err.Error(), "secret", url)
	}
}

// TestNegativeOptions has each option that must not be negative be refused by its name.
func TestNegativeOptions(t *testing.T) {
	of := clickhouse.Options{
		Retention: -1, MaxFuture: -1, ActualsTTL: -1, BatchWait: -1, InsertTimeout: -1, LeftAfter: -1, BatchRows: -1, WaitingRows: -1, SliceRows: -1,
	}
	_, err := clickhouse.Open(t.Context(), clickhouse.Config{Options: of})
	for _, name := range []string{"Retention", "MaxFuture", "ActualsTTL", "BatchWait", "InsertTimeout", "LeftAfter", "BatchRows", "WaitingRows", "SliceRows"} {
		require.ErrorContains(t, err, name+" is -1")
	}
}
