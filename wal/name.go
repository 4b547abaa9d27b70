package wal

import (
	"fmt"
	"strconv"
	"strings"
)

// Names in a log directory: 0000000007.log is log file 7, with .new behind it one being written that is not yet part of
// the log, and 0000000007.log.3.broken a copy of one whose torn tail was cut.
const (
	logSuffix    = ".log"
	newSuffix    = ".new"
	brokenSuffix = ".broken"
	nameDigits   = 10

	// FirstName is the name of the first log file of a store.
	FirstName = "0000000001" + logSuffix
)

func logName(number uint32) string { return fmt.Sprintf("%0*d%s", nameDigits, number, logSuffix) }

// parseLogName returns the number in the name of a log file. known is false for other names, err is set for a name that
// ends like one but was not made by this package.
func parseLogName(name string) (number uint32, known bool, err error) {
	digits, known := strings.CutSuffix(name, logSuffix)
	if !known {
		return 0, false, nil
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || n == 0 || logName(uint32(n)) != name {
		return 0, true, fmt.Errorf("%q is not the name of a log file", name)
	}
	return uint32(n), true, nil
}

func brokenName(number uint32, copyNumber int) string {
	return logName(number) + "." + strconv.Itoa(copyNumber) + brokenSuffix
}

// parseBrokenName is the inverse of brokenName.
func parseBrokenName(name string) (number uint32, copyNumber int, ok bool) {
	rest, ok := strings.CutSuffix(name, brokenSuffix)
	if !ok || len(rest) < nameDigits+len(logSuffix)+1 {
		return 0, 0, false
	}
	number, known, err := parseLogName(rest[:nameDigits+len(logSuffix)])
	if !known || err != nil {
		return 0, 0, false
	}
	copyNumber, err = strconv.Atoi(rest[nameDigits+len(logSuffix)+1:])
	return number, copyNumber, err == nil && brokenName(number, copyNumber) == name
}
