package operate

import (
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
)

// Lengths of a picture, in units of its view box. A picture alone has the whole width.
const (
	pictureHeight = 150.0
	narrowWidth   = 380.0
	wideWidth     = 1000.0
	plotTop       = 20.0
	plotBottom    = pictureHeight - 20
	minHeight     = 1.5 // of a share, so that few dead letters are visible
	minShared     = 6.0 // of a step that shows shares; a flatter one has the colour of the largest
	minMark       = 4.0 // of a gap or an overlap
)

// outcomes are the shares of a step from the bottom to the top, with their colours.
var outcomes = []struct{ column, class, label string }{
	{"stored", "f3", "stored"}, {"filtered", "f1", "filtered as internal"}, {"skipped", "fsoft", "skipped, or without a record"}, {"dead_lettered", "f2", "dead letters"},
}

// staircases draws the partitions of a topic, one picture each.
type staircases struct {
	from, to time.Time
	shown    []string // names of partitions in their order
}

// step is one row of the table of pictures.
type step struct {
	what     string
	at       time.Time
	from, to float64
	counts   map[string]float64
}

func (s staircases) draw(p page.Panel, t *figures.Table) template.HTML {
	byPartition := map[string][]step{}
	for row := range t.Rows {
		one := step{what: t.Text(row, t.Index("what")), counts: map[string]float64{}}
		one.at, _ = t.Rows[row][t.Index("time")].(time.Time)
		one.from, _ = t.Number(row, t.Index("from_offset"))
		one.to, _ = t.Number(row, t.Index("to_offset"))
		for _, o := range outcomes {
			one.counts[o.column], _ = t.Number(row, t.Index(o.column))
		}
		name := t.Text(row, t.Index("partition"))
		byPartition[name] = append(byPartition[name], one)
	}
	width := narrowWidth
	if len(s.shown) == 1 {
		width = wideWidth
	}
	var b strings.Builder
	b.WriteString(legend)
	b.WriteString(`<div class="grid pictures">`)
	for i, name := range s.shown {
		if steps := byPartition[name]; len(steps) > 0 {
			picture := picture{staircases: s, name: name, id: p.ID + "-" + strconv.Itoa(i), width: width, steps: steps}
			b.WriteString(picture.svg())
		}
	}
	b.WriteString(`</div>`)
	return template.HTML(b.String()) // the name of a partition is escaped; the rest are numbers and constants
}

// picture is one partition.
type picture struct {
	staircases
	name  string
	id    string // of the hatch; unique on the page
	width float64
	steps []step
	low   float64 // offsets at the bottom and the top
	high  float64
	strings.Builder
}

func (p *picture) svg() string {
	counted := map[string]int{}
	p.scale()
	for _, one := range p.steps {
		counted[one.what]++
	}
	// Marks come last, so that nothing hides them.
	for _, what := range []string{"flush", "replay", "lost", "overlap", "gap"} {
		for _, one := range p.steps {
			if one.what == what {
				p.step(one)
			}
		}
	}
	name := template.HTMLEscapeString(p.name)
	label := "Partition " + name + ": offsets " + digits(p.low) + " to " + digits(p.high)
	var notes []string
	for _, one := range []struct{ what, unit string }{{"gap", "gaps"}, {"overlap", "overlaps"}, {"lost", "lost ranges"}, {"replay", "replayed ranges"}} {
		if n := counted[one.what]; n > 0 {
			notes = append(notes, strconv.Itoa(n)+" "+one.unit)
		}
	}
	if len(notes) > 0 {
		label += ", " + strings.Join(notes, ", ")
	}
	return fmt.Sprintf(`<figure class="picture"><figcaption>Partition %s%s</figcaption>`+
		`<svg class="drawing" viewBox="0 0 %s %s" role="img" aria-label="%s"><title>%s</title>`+
		`<defs><pattern id="hatch-%s" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="3" height="6" class="fbad"/></pattern></defs>`+
		`<text x="0" y="12" class="soft">%s</text><text x="%s" y="12" text-anchor="end" class="soft">%s</text>`+
		`<line x1="0" y1="%s" x2="%s" y2="%s" class="axis"/>%s`+
		`<text x="0" y="%s" class="soft">%s</text><text x="%s" y="%s" text-anchor="end" class="soft">%s</text></svg></figure>`,
		name, template.HTMLEscapeString(strings.Join(append([]string{""}, notes...), ", ")),
		length(p.width), length(pictureHeight), label, label, p.id,
		"offset "+digits(p.high), length(p.width), "",
		length(plotBottom), length(p.width), length(plotBottom), p.String(),
		length(pictureHeight-6), digits(p.low)+", "+p.from.Format("2006-01-02 15:04"), length(p.width), length(pictureHeight-6), p.to.Format("2006-01-02 15:04"))
}

// scale finds the offsets of the picture: what a consumer has read, and what is missing.
// A replay may have read much older offsets, which would leave no room for the rest.
func (p *picture) scale() {
	first := true
	for _, replays := range []bool{false, true} {
		for _, one := range p.steps {
			if (one.what == "replay") != replays || replays && !first {
				continue
			}
			if first || one.from < p.low {
				p.low = one.from
			}
			if first || one.to > p.high {
				p.high = one.to
			}
			first = false
		}
	}
	if p.high <= p.low {
		p.high = p.low + 1
	}
}

func (p *picture) x(at time.Time) float64 {
	return p.width * min(max(float64(at.Sub(p.from))/float64(p.to.Sub(p.from)), 0), 1)
}

func (p *picture) y(offset float64) float64 {
	part := min(max((offset-p.low)/(p.high-p.low), 0), 1)
	return plotBottom - part*(plotBottom-plotTop)
}

// maxSteps is how many steps the query has; the width of one is that part of the picture.
const maxSteps = 72

func (p *picture) step(s step) {
	x, width := p.x(s.at), p.width/maxSteps
	top, bottom := p.y(s.to), p.y(s.from)
	switch s.what {
	case "gap":
		top, bottom = atLeast(top, bottom, minMark)
		p.mark(s, top, bottom, "gap", `fill="url(#hatch-`+p.id+`)"`, "fbad")
	case "overlap":
		top, bottom = atLeast(top, bottom, minMark)
		p.rect(x, top, max(width, minMark), bottom-top, "fwarn", "overlap: offsets "+digits(s.from)+" to "+digits(s.to)+" more than once")
		p.triangle(x, top, "fwarn")
	case "lost":
		top, bottom = atLeast(top, bottom, minMark)
		p.rect(x, top, max(width, minMark), bottom-top, "fbad", "lost: offsets "+digits(s.from)+" to "+digits(s.to))
	case "replay":
		if s.to < p.low || s.from > p.high {
			return // outside of the picture; the table has it
		}
		top, bottom = atLeast(top, bottom, minHeight)
		p.rect(x, top, width, bottom-top, "f4", "replayed: offsets "+digits(s.from)+" to "+digits(s.to))
	default:
		p.shares(s, x, width, top, bottom)
	}
}

// shares divides a step by its outcomes. Small ones keep a height that can be seen.
func (p *picture) shares(s step, x, width, top, bottom float64) {
	top, bottom = atLeast(top, bottom, minHeight)
	total, height := s.to-s.from, bottom-top
	rest := total
	for _, o := range outcomes {
		if o.column != "skipped" {
			rest -= s.counts[o.column]
		}
	}
	title := "offsets " + digits(s.from) + " to " + digits(s.to)
	if height < minShared {
		p.rect(x, top, width, height, largest(s, rest), title)
		return
	}
	p.rect(x, top, width, height, outcomes[0].class, title)
	y := top // from the top: the dead letters, then what is in the middle
	for _, o := range slices.Backward(outcomes[1:]) {
		n := s.counts[o.column]
		if o.column == "skipped" {
			n = max(rest, 0)
		}
		if n <= 0 || total <= 0 {
			continue
		}
		share := min(max(height*n/total, minHeight), bottom-y)
		if share <= 0 {
			break
		}
		p.rect(x, y, width, share, o.class, digits(n)+" "+o.label)
		y += share
	}
}

// largest is the colour of the outcome that most offsets of a step have.
func largest(s step, rest float64) string {
	class, most := "fsoft", rest
	for _, o := range outcomes {
		if n := s.counts[o.column]; n > most {
			class, most = o.class, n
		}
	}
	return class
}

// mark is a band over the whole width, with a sign at its start.
func (p *picture) mark(s step, top, bottom float64, word, fill, class string) {
	title := word + ": offsets " + digits(s.from) + " to " + digits(s.to)
	fmt.Fprintf(p, `<g><title>%s</title><rect x="0" y="%s" width="%s" height="%s" %s/></g>`, title, length(top), length(p.width), length(bottom-top), fill)
	p.triangle(p.x(s.at), top, class)
	anchor, x := "start", p.x(s.at)+8
	if x > p.width/2 {
		anchor, x = "end", p.x(s.at)-8
	}
	fmt.Fprintf(p, `<text x="%s" y="%s" text-anchor="%s" class="halo">%s %s</text>`, length(x), length(max(top-2, 11)), anchor, word, digits(s.to-s.from))
}

func (p *picture) triangle(x, y float64, class string) {
	fmt.Fprintf(p, `<path d="M%s %sl-5 -8h10z" class="%s"/>`, length(x), length(y), class)
}

func (p *picture) rect(x, y, width, height float64, class, title string) {
	fmt.Fprintf(p, `<rect x="%s" y="%s" width="%s" height="%s" class="%s"><title>%s</title></rect>`, length(x), length(y), length(min(width, p.width-x)), length(height), class, title)
}

// atLeast widens a range of heights downwards, or upwards at the bottom.
func atLeast(top, bottom, height float64) (float64, float64) {
	if bottom-top < height {
		bottom = top + height
	}
	if bottom > plotBottom {
		top, bottom = top-(bottom-plotBottom), plotBottom
	}
	return top, bottom
}

func length(f float64) string { return strconv.FormatFloat(max(f, 0), 'f', 1, 64) }

func digits(f float64) string { return strconv.FormatFloat(f, 'f', 0, 64) }

// legend explains the colours.
var legend = func() string {
	var b strings.Builder
	b.WriteString(`<ul class="legend">`)
	for _, one := range append(slices.Clone(outcomes), []struct{ column, class, label string }{
		{"", "f4", "replayed by a job"}, {"", "fbad", "lost before it was read"}, {"", "fwarn", "overlap"},
	}...) {
		fmt.Fprintf(&b, `<li><svg width="12" height="12" aria-hidden="true"><rect width="12" height="12" class="%s"/></svg> %s</li>`, one.class, one.label)
	}
	b.WriteString(`<li><svg width="12" height="12" aria-hidden="true"><path d="M6 10l-5 -8h10z" class="fbad"/></svg> gap, hatched</li></ul>`)
	return b.String()
}()
