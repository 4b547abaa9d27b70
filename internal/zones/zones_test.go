package zones_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/zones"
)

func TestLoad(t *testing.T) {
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	f := func(name, want string) {
		t.Helper()
		zone, err := zones.Load(name)
		require.NoError(t, err)
		require.Equal(t, want, at.In(zone).Format("15:04"))
		require.Equal(t, name, zone.String())
	}
	f("UTC", "12:00")
	f("Europe/Berlin", "14:00")
	f("Asia/Kathmandu", "17:45")
	f("America/St_Johns", "09:30")
	f("EST5EDT", "08:00")
	f("Etc/GMT+12", "00:00")
}

// TestLoadRefuses has names that mean something to the standard library where the machine has files of these names, or to it alone.
func TestLoadRefuses(t *testing.T) {
	for _, name := range []string{
		"", "Local", "local", "localtime", "posixrules", "right/Europe/Berlin", "posix/Europe/Berlin", "Europe/berlin", "Europe/Berlin ",
		"Europe", "../Europe/Berlin", "/usr/share/zoneinfo/Europe/Berlin", "Mars/Olympus", "#", "CET-1CEST", "Europe/Berlin|CET-1CEST",
	} {
		_, err := zones.Load(name)
		require.ErrorIs(t, err, zones.ErrUnknown, name)
	}
}

// TestLoadIgnoresTheMachine has the standard library find another clock under the name of a zone.
func TestLoadIgnoresTheMachine(t *testing.T) {
	t.Setenv("ZONEINFO", t.TempDir())
	t.Setenv("TZ", "Asia/Tokyo")
	zone, err := zones.Load("Europe/Berlin")
	require.NoError(t, err)
	require.Equal(t, 2, time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC).In(zone).Hour())
	again, err := zones.Load("Europe/Berlin")
	require.NoError(t, err)
	require.Same(t, zone, again)
}

func TestVersion(t *testing.T) { require.Regexp(t, `^20\d\d[a-z]$`, zones.Version()) }
