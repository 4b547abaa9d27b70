package progress

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/cmd/residual/internal/client"
)

// Bar shows how far a command has come, to somebody who is likely to look.
type Bar struct {
	*progressbar.ProgressBar
	w       io.Writer
	visible bool
}

// Flag says when a bar is shown.
func Flag() *arg.Choice { return arg.OneOf("auto", "always", "never") }

// New makes a bar up to a total, -1 if that is not known. when is of [Flag].
func New(w io.Writer, when string, total int64, opts ...progressbar.Option) *Bar {
	file, isFile := w.(*os.File)
	visible := when == "always" || when == "auto" && isFile && Terminal(file)
	return &Bar{w: w, visible: visible, ProgressBar: progressbar.NewOptions64(total, append([]progressbar.Option{
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetVisibility(visible),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionSetWidth(24),
		progressbar.OptionSetSpinnerChangeInterval(0), // draw on progress alone, without a goroutine of the bar
		progressbar.OptionThrottle(100 * time.Millisecond),
		progressbar.OptionSetDescription("0 rows"),
	}, opts...)...)}
}

// Finish ends the line of the bar.
func (b *Bar) Finish() {
	_ = b.Exit() // what fails is drawing
	if b.visible {
		fmt.Fprintln(b.w)
	}
}

// Rows is a bar over the bytes of the inputs, with the rows acknowledged so far beside it.
type Rows struct {
	*Bar
	// Before is what the inputs before the one that is loaded came to.
	Before client.Loaded
}

// OfRows makes a bar over so many bytes of inputs, -1 if that is not known.
func OfRows(w io.Writer, when string, total int64) *Rows {
	return &Rows{Bar: New(w, when, total, progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true))}
}

// Count moves the bar on by so many bytes.
func (p *Rows) Count(n int) {
	_ = p.Add(n) // what fails is drawing
}

// Show shows what the input came to so far.
func (p *Rows) Show(sent client.Loaded) {
	sent.Add(p.Before)
	text := fmt.Sprintf("%d rows", sent.Successful)
	if sent.Quarantined > 0 {
		text += fmt.Sprintf(", %d quarantined", sent.Quarantined)
	}
	p.Describe(text)
}

// SizeText is a number of bytes as people read it.
func SizeText(bytes int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	n, unit := float64(bytes), 0
	for n >= 1024 && unit < len(units)-1 {
		n, unit = n/1024, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", n, units[unit])
}

// Bytes is a bar over bytes.
type Bytes struct{ *Bar }

// OfBytes makes a bar over so many bytes of something.
func OfBytes(w io.Writer, when string, total int64, what string) Bytes {
	return Bytes{New(w, when, total, progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true), progressbar.OptionSetDescription(what))}
}

// More moves the bar on by so many bytes.
func (b Bytes) More(bytes int64) { _ = b.Add64(bytes) } // what fails is drawing

// Terminal reports whether someone is likely to look at it.
func Terminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
