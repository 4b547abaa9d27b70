package crashtest

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/residualdb/residual/internal/testing/simdisk"
)

// atEnd is the operation of an ending behind all operations of a life.
const atEnd = math.MaxUint64

// EndingKind is how a life ends.
type EndingKind uint8

// The kinds of endings.
const (
	CutRandom EndingKind = iota // a power cut that leaves what Ending.Seed chooses
	CutLose                     // a power cut that leaves what was synced
	CutKeep                     // a power cut that leaves everything
	Kill                        // the process dies and the machine runs on
	endingKinds
)

var endingNames = [endingKinds]string{"cut", "lose", "keep", "kill"}

// Ending is the end of a life.
type Ending struct {
	// Op is the last operation before the end, or the largest number for the end of all operations.
	Op   uint64
	Kind EndingKind
	Seed uint64
}

func (e Ending) String() string {
	op := "end"
	if e.Op != atEnd {
		op = strconv.FormatUint(e.Op, 10)
	}
	if e.Kind != CutRandom {
		return op + ":" + endingNames[e.Kind]
	}
	return fmt.Sprintf("%s:%s=%x", op, endingNames[e.Kind], e.Seed)
}

// apply returns the disk that the ending leaves of a snapshot.
func (e Ending) apply(s *simdisk.Snapshot) *simdisk.Disk {
	switch e.Kind {
	case CutRandom:
		return s.Crash(simdisk.Random(e.Seed))
	case CutLose:
		return s.Crash(simdisk.LoseAll())
	case CutKeep:
		return s.Crash(simdisk.KeepAll())
	case Kill:
		return s.Kill()
	default:
		panic("BUG: crashtest: ending of no kind")
	}
}

// Life is one life of a case but the last: the faults in it and how it ends.
type Life struct {
	Faults []simdisk.Fault
	Ending Ending
}

// Case is one thing tried: lives, after which a last check must find all in order.
//
// Its text is a line such as "EIO@17,sync-clean@30+ 41:kill / end:cut=5f": lives apart by slashes, in each the faults with a
// plus for sticky ones, then the ending.
type Case struct {
	// Seed is that of the disk of the first life.
	Seed  uint64
	Lives []Life
}

func (c Case) String() string {
	lives := make([]string, len(c.Lives))
	for i, l := range c.Lives {
		faults := make([]string, len(l.Faults))
		for j, f := range l.Faults {
			faults[j] = fmt.Sprintf("%s@%d", f.Kind, f.Op)
			if f.Sticky {
				faults[j] += "+"
			}
		}
		lives[i] = strings.TrimSpace(strings.Join(faults, ",") + " " + l.Ending.String())
	}
	return fmt.Sprintf("%x: %s", c.Seed, strings.Join(lives, " / "))
}

// ParseCase is the inverse of Case.String.
func ParseCase(text string) (Case, error) {
	seed, rest, ok := strings.Cut(text, ": ")
	if !ok {
		return Case{}, fmt.Errorf("case %q: no seed", text)
	}
	var c Case
	var err error
	if c.Seed, err = strconv.ParseUint(seed, 16, 64); err != nil {
		return Case{}, fmt.Errorf("case %q: %w", text, err)
	}
	for life := range strings.SplitSeq(rest, "/") {
		l, err := parseLife(strings.TrimSpace(life))
		if err != nil {
			return Case{}, fmt.Errorf("case %q: %w", text, err)
		}
		c.Lives = append(c.Lives, l)
	}
	return c, nil
}

func parseLife(text string) (Life, error) {
	var l Life
	if faults, ending, ok := strings.Cut(text, " "); ok {
		for fault := range strings.SplitSeq(faults, ",") {
			f, err := parseFault(fault)
			if err != nil {
				return Life{}, err
			}
			l.Faults = append(l.Faults, f)
		}
		text = ending
	}
	var err error
	l.Ending, err = parseEnding(text)
	return l, err
}

func parseFault(text string) (simdisk.Fault, error) {
	text, sticky := strings.CutSuffix(text, "+")
	name, op, _ := strings.Cut(text, "@")
	f := simdisk.Fault{Sticky: sticky}
	var err error
	if f.Kind, err = simdisk.ParseFaultKind(name); err != nil {
		return simdisk.Fault{}, err
	}
	f.Op, err = strconv.ParseUint(op, 10, 64)
	return f, err
}

func parseEnding(text string) (Ending, error) {
	op, how, _ := strings.Cut(text, ":")
	e := Ending{Op: atEnd}
	var err error
	if op != "end" {
		if e.Op, err = strconv.ParseUint(op, 10, 64); err != nil {
			return Ending{}, err
		}
	}
	name, seed, _ := strings.Cut(how, "=")
	for e.Kind < endingKinds && endingNames[e.Kind] != name {
		e.Kind++
	}
	if e.Kind == endingKinds {
		return Ending{}, fmt.Errorf("ending %q", text)
	}
	if e.Kind == CutRandom {
		e.Seed, err = strconv.ParseUint(seed, 16, 64)
	}
	return e, err
}
