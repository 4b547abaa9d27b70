//go:build !linux

package export

import "os"

// dropCache does nothing where there is no such advice.
func dropCache(*os.File) {}
