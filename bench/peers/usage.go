//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/residualdb/residual/internal/testing/memory"
)

// usage is what a process has used since it began.
type usage struct {
	cpu      time.Duration
	resident int64 // bytes now
	peak     int64 // bytes at most
}

// clockTick is the unit of the times in /proc/PID/stat; Linux shows them in hundredths on every machine.
const clockTick = 10 * time.Millisecond

func usageOf(pid int) (usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, err
	}
	// The name in parentheses may hold anything; fields 14 and 15, utime and stime, are counted from behind it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return usage{}, fmt.Errorf("process %d has ended", pid)
	}
	var u usage
	for _, field := range fields[11:13] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return usage{}, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		u.cpu += time.Duration(ticks) * clockTick
	}
	u.resident, u.peak, err = memory.Process(pid)
	return u, err
}

// cost returns what an ended process used.
func cost(state *os.ProcessState) (cpu time.Duration, peak int64) {
	if rusage, ok := state.SysUsage().(*syscall.Rusage); ok {
		peak = rusage.Maxrss << 10
	}
	return state.UserTime() + state.SystemTime(), peak
}

// onDisk returns the bytes that the files below dir occupy, without those in a folder named except.
func onDisk(dir, except string) (int64, error) {
	total := int64(0)
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == except {
			return fs.SkipDir
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && info.Mode().IsRegular() {
			total += stat.Blocks * 512
		}
		return nil
	})
	return total, err
}
