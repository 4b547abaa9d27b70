package memory

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Process returns the bytes that a process occupies now, and at most since it began.
func Process(pid int) (resident, peak int64, err error) {
	name := fmt.Sprintf("/proc/%d/status", pid)
	status, err := os.ReadFile(name)
	if err != nil {
		return 0, 0, err
	}
	for field, value := range map[string]*int64{"VmRSS": &resident, "VmHWM": &peak} {
		_, rest, _ := strings.Cut(string(status), "\n"+field+":")
		line, _, _ := strings.Cut(rest, "\n")
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(line), " kB"), 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %s: %w", name, field, err)
		}
		*value = kib << 10
	}
	return resident, peak, nil
}
