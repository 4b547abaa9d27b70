//go:build !linux

package thread

func lower() {}

func spare(bool) {}
