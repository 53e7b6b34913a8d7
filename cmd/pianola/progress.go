package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pianola/pianola/internal/progress"
)

const (
	progressDelay    = 2 * time.Second  // shorter commands show nothing
	progressInterval = 10 * time.Second // between lines when standard error is not a terminal
)

// progressLine shows the current step of a command on standard error: on a terminal
// one line that is rewritten every second, otherwise a line every progressInterval.
// Logs are written through it, so that they do not mix with the line.
type progressLine struct {
	out   io.Writer
	width int // of the terminal; 0 when the line cannot be rewritten
	now   func() time.Time

	mu      sync.Mutex
	step    progress.Step
	since   time.Time // of the step
	visible bool      // the line is on the terminal
}

// newProgressLine needs a terminal that understands escape sequences to rewrite the
// line.
func (a *app) newProgressLine() *progressLine {
	p := &progressLine{out: a.stderr, now: a.now}
	if t, ok := a.terminalOf(a.stderr); ok && a.variable("TERM") != "dumb" {
		p.width = t.width
	}
	return p
}

// Write writes a log entry in place of the line, which returns with the next tick.
func (p *progressLine) Write(entry []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	return p.out.Write(entry)
}

// report implements progress.Func.
func (p *progressLine) report(s progress.Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.Name != p.step.Name {
		p.since = p.now()
	}
	p.step = s
}

// start shows the reported steps until stop is called.
func (p *progressLine) start() (report progress.Func, stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { p.run(done) })
	return p.report, func() {
		close(done)
		running.Wait()
		p.hide()
	}
}

func (p *progressLine) run(done <-chan struct{}) {
	wait, interval := progressDelay, time.Second
	if p.width == 0 {
		wait, interval = progressInterval, progressInterval
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-done:
			return
		case <-timer.C:
		}
		p.show()
		timer.Reset(interval)
	}
}

// show writes the line. An error of standard error is ignored, as for logs.
func (p *progressLine) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.step.Name == "" {
		return
	}
	text := printable(stepText(p.step, p.now().Sub(p.since), p.now()))
	if p.width == 0 {
		_, _ = io.WriteString(p.out, "progress: "+text+"\n")
		return
	}
	p.clear()
	_, _ = io.WriteString(p.out, cut(progressBar(p.step)+text, p.width-1))
	p.visible = true
}

// hide removes the line until the next report.
func (p *progressLine) hide() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.step = progress.Step{}
}

// clear needs the lock.
func (p *progressLine) clear() {
	if p.visible {
		_, _ = io.WriteString(p.out, "\r\x1b[K")
		p.visible = false
	}
}

// barWidth is the number of characters of a bar.
const barWidth = 20

// progressBar is a bar for a step with a known total, or empty.
func progressBar(s progress.Step) string {
	if s.Total == 0 {
		return ""
	}
	full := int(barWidth * min(s.Done, s.Total) / s.Total)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", barWidth-full) + "] "
}

// stepText is the name of the step, its counter and rate, its time, and the time left.
func stepText(s progress.Step, elapsed time.Duration, now time.Time) string {
	var b strings.Builder
	b.WriteString(s.Name + ": ")
	if s.Unit != "" {
		b.WriteString(strconv.FormatUint(s.Done, 10))
		if s.Total > 0 {
			fmt.Fprintf(&b, " of %d", s.Total)
		}
		b.WriteString(" " + s.Unit)
		if s.Total > 0 {
			fmt.Fprintf(&b, " (%d%%)", min(100*s.Done/s.Total, 100))
		}
		b.WriteString(", ")
	}
	b.WriteString(elapsed.Round(time.Second).String())
	b.WriteString(speedText(s, elapsed))
	if left := s.Until.Sub(now); !s.Until.IsZero() && left > 0 {
		fmt.Fprintf(&b, ", at most %v more", left.Round(time.Second))
	}
	return b.String()
}

// minMeasured is how long a step must have lasted before its speed says something.
const minMeasured = 5 * time.Second

// speedText is the rate of a step and the time left, where both are known.
func speedText(s progress.Step, elapsed time.Duration) string {
	if s.Total == 0 || s.Done <= s.Earlier || elapsed < minMeasured {
		return ""
	}
	rate := float64(s.Done-s.Earlier) / elapsed.Seconds()
	left := time.Duration(float64(s.Total-min(s.Done, s.Total)) / rate * float64(time.Second))
	return fmt.Sprintf(", %s/s, %s left", rateText(rate), roughly(left))
}

// rateText is a rate without digits that change all the time.
func rateText(rate float64) string {
	if rate < 10 {
		return strconv.FormatFloat(rate, 'f', 1, 64)
	}
	return strconv.FormatFloat(rate, 'f', 0, 64)
}

// roughly rounds a duration to what an estimate can say.
func roughly(d time.Duration) string {
	step := time.Minute
	switch {
	case d < time.Minute:
		step = time.Second
	case d < time.Hour:
		step = 10 * time.Second
	}
	text := d.Round(step).String()
	if whole, found := strings.CutSuffix(text, "m0s"); found {
		return whole + "m"
	}
	return text
}
