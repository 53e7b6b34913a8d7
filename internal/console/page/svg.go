package page

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"

	"github.com/pianola/pianola/internal/console/figures"
)

// canvas collects the elements of one SVG. It escapes every text. The classes of shapes
// are constants; the style sheet gives them the colours of the theme.
//
// Text keeps its size on a narrow screen: horizontal positions are percentages of the width
// (rows), or the drawing has its natural width and scrolls.
type canvas struct {
	strings.Builder
	hatch string // id of the pattern for what is not yet due
}

func newCanvas(p Panel) *canvas { return &canvas{hatch: "hatch-" + p.ID} }

// shape is a rectangle. Its lengths are in pixels, or x and width in percent.
type shape struct {
	x, width      string
	y, height     float64
	class         string
	opacity       float64 // 0 means opaque
	title         string
	notDue, round bool
}

func (c *canvas) rect(s shape) {
	box := fmt.Sprintf(`x="%s" y="%s" width="%s" height="%s"`, s.x, px(s.y), s.width, px(s.height))
	if s.round {
		box += ` rx="2"`
	}
	c.WriteString("<g>")
	if s.title != "" {
		c.WriteString("<title>" + template.HTMLEscapeString(s.title) + "</title>")
	}
	c.WriteString("<rect " + box + ` class="` + s.class + `"`)
	if s.opacity > 0 {
		c.WriteString(` fill-opacity="` + strconv.FormatFloat(s.opacity, 'f', 2, 64) + `"`)
	}
	c.WriteString("/>")
	if s.notDue {
		c.WriteString("<rect " + box + ` fill="url(#` + c.hatch + `)"/>`)
	}
	c.WriteString("</g>")
}

func (c *canvas) text(x string, y float64, anchor, class, text string) {
	fmt.Fprintf(c, `<text x="%s" y="%s" text-anchor="%s" class="%s">%s</text>`, x, px(y), anchor, class, template.HTMLEscapeString(text))
}

func (c *canvas) line(x1 string, y1 float64, x2 string, y2 float64) {
	fmt.Fprintf(c, `<line x1="%s" y1="%s" x2="%s" y2="%s" class="axis"/>`, x1, px(y1), x2, px(y2))
}

// svg closes the drawing. A screen reader has its label only: the table has the numbers.
func (c *canvas) svg(p Panel, class, width string, height float64) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg class="bars %s" width="%s" height="%s" role="img" aria-label="%s; the table below has the same numbers">`+
		`<defs><pattern id="%s" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="3" height="6" class="stripe"/></pattern></defs>%s</svg>`,
		class, width, px(height), template.HTMLEscapeString(p.Title), c.hatch, c.String()))
}

// scrolled is a drawing of natural width, which scrolls on a narrow screen.
func scrolled(p Panel, svg template.HTML) template.HTML {
	return `<div class="scroll" tabindex="0" role="region" aria-label="` + template.HTML(template.HTMLEscapeString(p.Title)) + `, chart">` + svg + `</div>`
}

// entry explains one colour, or the hatch.
type entry struct {
	class, text string
	notDue      bool
}

// legend is a list in front of the drawing, so that it wraps.
func (c *canvas) legend(entries []entry) template.HTML {
	if len(entries) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(`<ul class="legend">`)
	for _, one := range entries {
		b.WriteString(`<li><svg width="14" height="14" aria-hidden="true"><rect width="14" height="14" class="` + one.class + `"/>`)
		if one.notDue {
			b.WriteString(`<rect width="14" height="14" fill="url(#` + c.hatch + `)"/>`)
		}
		b.WriteString(`</svg> ` + template.HTMLEscapeString(one.text) + `</li>`)
	}
	b.WriteString(`</ul>`)
	return template.HTML(b.String())
}

// colour is the class of the series at a position.
func colour(i int) string { return "f" + strconv.Itoa(i%7+1) }

func px(v float64) string      { return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) }
func percent(v float64) string { return px(100*v) + "%" }

// short is a number in at most six characters, for a drawing.
func short(v float64) string {
	sign := ""
	if v < 0 {
		sign, v = "−", -v
	}
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= unit.size*0.9995 {
			return sign + digits(v/unit.size) + unit.name
		}
	}
	return sign + digits(v)
}

// digits has one place after the point below 100, without a zero there.
func digits(v float64) string {
	places := 0
	if v < 99.95 {
		places = 1
	}
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', places, 64), ".0")
}

// exact is a number with at most two places after the point; the table has all.
func exact(t *figures.Table, row, column int) string {
	number, ok := t.Number(row, column)
	if !ok {
		return "–"
	}
	return grouped(strconv.FormatFloat(math.Round(100*number)/100, 'f', -1, 64), t.Columns[column])
}

// clipped is the beginning of a text that has too many characters.
func clipped(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// labelOf is a value of the axis: of the first day of a month the month.
func labelOf(t *figures.Table, row, column int) string {
	text := t.Text(row, column)
	if _, isTime := t.Rows[row][column].(interface{ Unix() int64 }); isTime {
		return strings.TrimSuffix(text, "-01")
	}
	if text == "" {
		return "(not known)"
	}
	return text
}

// yes reports whether a column has a true value. A missing column is false.
func yes(t *figures.Table, row, column int) bool {
	if column < 0 {
		return false
	}
	if text := t.Text(row, column); text == "yes" || text == NotYetDue {
		return true
	}
	number, ok := t.Number(row, column)
	return ok && number != 0
}

// NotYetDue is the value of a column for what has not been observed long enough. Drawings
// hatch it.
const NotYetDue = "not yet due"

// numberOf is a number of a row; 0 for NULL.
func numberOf(t *figures.Table, row, column int) float64 {
	if column < 0 {
		return 0
	}
	number, _ := t.Number(row, column)
	return number
}
