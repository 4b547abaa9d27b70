package serve

import (
	"log/slog"
	"net"
	"os"
)

// States of the process, as a service manager knows them.
const (
	notifyReady    = "READY=1"
	notifyStopping = "STOPPING=1"
)

// notify tells the service manager that waits for it how the process stands: systemd with Type=notify, see sd_notify(3).
// Where nobody has asked to be told nothing happens. A manager that cannot be told ends no server: it gives up by itself.
func notify(state string, log *slog.Logger) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	conn, err := net.Dial("unixgram", name)
	if err == nil {
		_, err = conn.Write([]byte(state))
		_ = conn.Close() // a datagram is sent when Write returns
	}
	if err != nil {
		log.Warn("the service manager could not be told", "state", state, "error", err)
	}
}
