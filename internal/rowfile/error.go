package rowfile

import (
	"fmt"
	"strings"

	"github.com/residualdb/residual/internal/plaintext"
)

// Error says what is wrong with a file as a whole.
type Error struct {
	// Text is a whole sentence. What it repeats of the file is short, escaped and in quotes.
	Text string
	// TooLarge tells a file beyond a limit from one that is no good.
	TooLarge bool
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

func errorf(format string, args ...any) *Error { return &Error{Text: fmt.Sprintf(format, args...)} }

// shownBytes bounds what an error repeats of a name, and shownNames how many it repeats.
const (
	shownBytes = 64
	shownNames = 16
)

// shown is a name of a file as an error may repeat it.
func shown(name string) string {
	if len(name) > shownBytes {
		name = strings.ToValidUTF8(name[:shownBytes], "") + "..."
	}
	return "'" + plaintext.Escape(name) + "'"
}

// shownAll lists names of a file as an error may repeat them.
func shownAll(names []string) string {
	var list []string
	for i, name := range names {
		if i == shownNames {
			list = append(list, fmt.Sprintf("and %d more", len(names)-i))
			break
		}
		list = append(list, shown(name))
	}
	return strings.Join(list, ", ")
}
