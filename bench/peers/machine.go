//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// machine is where, when and of what code figures were taken.
type machine struct {
	Processor, Kernel, Disk, Go, Node, Commit, Date, Load string
	Steal                                                 string // share of the time of the run that the host gave to others
	Cores                                                 int
	Memory                                                int64
}

// thisMachine describes the machine before anything runs on it; dir is where data will lie.
func thisMachine(ctx context.Context, dir string) machine {
	m := machine{
		Cores: runtime.NumCPU(), Go: runtime.Version(), Date: time.Now().UTC().Format(time.DateOnly),
		Processor: field("/proc/cpuinfo", "model name"),
		Kernel:    kernel(ctx),
		Node:      output(ctx, "node", "--version"),
		Commit:    output(ctx, "git", "describe", "--always", "--dirty", "--abbrev=12"),
		Disk:      fileSystem(dir),
	}
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err == nil {
		m.Memory = int64(info.Totalram) * int64(info.Unit)
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load, _, _ = strings.Cut(string(load), " ")
	}
	return m
}

// kernel is the name and version of the kernel, without what its builder added.
func kernel(ctx context.Context) string {
	name, _, _ := strings.Cut(output(ctx, "uname", "-sr"), "-")
	return name
}

// processorTime reads how much time the machine's cores had since it started, and how much of it the host withheld.
func processorTime() (all, stolen float64) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(line) {
		ticks, err := strconv.ParseFloat(field, 64)
		if err != nil || i > 8 { // the name, and time of guests, which is in user's too
			continue
		}
		all += ticks
		if i == 8 {
			stolen = ticks
		}
	}
	return all, stolen
}

// output of a command that only informs; it may be missing.
func output(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func field(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// fileSystem names the kind of file system that holds dir.
func fileSystem(dir string) string {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return "unknown"
	}
	for magic, name := range map[int64]string{0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x01021994: "tmpfs", 0x794c7630: "overlayfs"} {
		if int64(stat.Type) == magic { //nolint:unconvert // its type differs between architectures
			return name
		}
	}
	return fmt.Sprintf("file system %#x", stat.Type)
}
