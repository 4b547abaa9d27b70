package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/residualdb/residual/cmd/residual/internal/client"
)

// progress is a bar over the bytes of the inputs, with the rows acknowledged so far beside it.
type progress struct {
	w       io.Writer
	visible bool
	bar     *progressbar.ProgressBar
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
	file, isFile := w.(*os.File)
	visible := when == "always" || when == "auto" && isFile && terminal(file)
	return &progress{w: w, visible: visible, bar: progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetVisibility(visible),
		progressbar.OptionShowBytes(true),
		progressbar.OptionShowTotalBytes(true),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionSetWidth(24),
		progressbar.OptionSetSpinnerChangeInterval(0), // draw on progress alone, without a goroutine of the bar
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetDescription("0 rows"),
	)}
}

func (p *progress) count(n int) {
	_ = p.bar.Add(n) // what fails is drawing
}

// rows shows what the input came to so far.
func (p *progress) rows(sent client.Loaded) {
	sent.Add(p.before)
	text := fmt.Sprintf("%d rows", sent.Successful)
	if sent.Quarantined > 0 {
		text += fmt.Sprintf(", %d quarantined", sent.Quarantined)
	}
	p.bar.Describe(text)
}

// finish ends the line of the bar.
func (p *progress) finish() {
	_ = p.bar.Exit() // what fails is drawing
	if p.visible {
		fmt.Fprintln(p.w)
	}
}

// terminal reports whether someone is likely to look at it.
func terminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
