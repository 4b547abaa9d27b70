package simdisk

import "errors"

// ErrHalted is returned by every operation on a disk whose machine lost power or whose process was killed, and by the
// files and locks opened on it. The content lives on in the disk that Crash or Kill returned.
var ErrHalted = errors.New("simdisk: the machine is off")
