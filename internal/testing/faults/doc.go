// Package faults tries what no simulated disk shows: real file systems that are mounted, unmounted, mounted over and shut
// down under a store. Its tests need root, loop devices and mkfs.ext4; `make faults` runs them, and they are built with the
// tag faults alone.
package faults
