package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/cmd/residual/internal/client"
)

// bar shows how far a command has come, to somebody who is likely to look.
type bar struct {
	*progressbar.ProgressBar
	w       io.Writer
	visible bool
}

// progressFlag says when a bar is shown.
func progressFlag() *arg.Choice { return arg.OneOf("auto", "always", "never") }

// newBar makes a bar up to a total, -1 if that is not known. when is of progressFlag.
func newBar(w io.Writer, when string, total int64, opts ...progressbar.Option) *bar {
	file, isFile := w.(*os.File)
	visible := when == "always" || when == "auto" && isFile && terminal(file)
	return &bar{w: w, visible: visible, ProgressBar: progressbar.NewOptions64(total, append([]progressbar.Option{
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

// finish ends the line of the bar.
func (b *bar) finish() {
	_ = b.Exit() // what fails is drawing
	if b.visible {
		fmt.Fprintln(b.w)
	}
}

// progress is a bar over the bytes of the inputs, with the rows acknowledged so far beside it.
type progress struct {
	*bar
	// before is what the inputs before the one that is loaded came to.
	before client.Loaded
}

func newProgress(w io.Writer, when string, inputs []*input) *progress {
	total := int64(0)
	for _, in := range inputs {
		if in.bytes < 0 || total < 0 {
			total = -1
			continue
		}
		total += in.bytes
	}
	return &progress{bar: newBar(w, when, total, progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true))}
}

func (p *progress) count(n int) {
	_ = p.Add(n) // what fails is drawing
}

// rows shows what the input came to so far.
func (p *progress) rows(sent client.Loaded) {
	sent.Add(p.before)
	text := fmt.Sprintf("%d rows", sent.Successful)
	if sent.Quarantined > 0 {
		text += fmt.Sprintf(", %d quarantined", sent.Quarantined)
	}
	p.Describe(text)
}

// sizeText is a number of bytes as people read it.
func sizeText(bytes int64) string {
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

// byteBar is a bar over bytes.
type byteBar struct{ *bar }

func bytesBar(w io.Writer, when string, total int64, what string) byteBar {
	return byteBar{newBar(w, when, total, progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true), progressbar.OptionSetDescription(what))}
}

func (b byteBar) progress(bytes int64) { _ = b.Add64(bytes) } // what fails is drawing

// terminal reports whether someone is likely to look at it.
func terminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
