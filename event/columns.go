package event

import (
	"fmt"

	"github.com/residualdb/residual/internal/columns"
)

type (
	// Text is a column of byte strings in one arena of at most [TextBytesMax] bytes.
	Text = columns.Text

	// Bitmap is a column of bits.
	Bitmap = columns.Bitmap
)

// reserveText fails if a column of so many bytes cannot take so many more.
func reserveText(size, more int) error {
	if uint64(size)+uint64(more) > TextBytesMax {
		return fmt.Errorf("%w: more than %d bytes of text", ErrTooLarge, uint64(TextBytesMax))
	}
	return nil
}
