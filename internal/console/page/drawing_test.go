package page

import (
	"encoding/xml"
	"errors"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/console/figures"
)

// tableOfRows makes a table out of names with types, such as "month Date", and rows.
func tableOfRows(columns []string, rows ...[]any) *figures.Table {
	t := &figures.Table{Rows: rows}
	for _, text := range columns {
		name, kind, _ := strings.Cut(text, " ")
		t.Columns = append(t.Columns, figures.Column{Name: name, Type: kind})
	}
	return t
}

func month(number time.Month) time.Time { return time.Date(2026, number, 1, 0, 0, 0, 0, time.UTC) }

// box is a rectangle of a drawing: pixels, or percent for x and width.
type box struct {
	x, y, width, height float64
	percent             bool
	class, fill         string
}

// parsed is what a drawing has. Parsing fails when it is not well-formed.
type parsed struct {
	boxes  []box
	texts  []string
	titles []string
	names  []string // of elements
	height float64
}

func parse(t *testing.T, drawing template.HTML) parsed {
	t.Helper()
	// Only the last svg is the drawing; those before it are the legend.
	all := string(drawing)
	at := strings.Index(all, `<svg class="bars`)
	if at < 0 {
		t.Fatalf("no drawing in %q", all)
	}
	var p parsed
	decoder := xml.NewDecoder(strings.NewReader(strings.TrimSuffix(all[at:], "</div>")))
	inside, defs := "", 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return p
		}
		if err != nil {
			t.Fatalf("%v in %s", err, all)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inside = token.Name.Local
			p.names = append(p.names, inside)
			if inside == "defs" {
				defs++
			}
			values := map[string]string{}
			for _, one := range token.Attr {
				values[one.Name.Local] = one.Value
			}
			number := func(name string) float64 {
				v, err := strconv.ParseFloat(strings.TrimSuffix(values[name], "%"), 64)
				if err != nil {
					t.Errorf("%s has %s=%q", inside, name, values[name])
				}
				return v
			}
			switch {
			case inside == "svg":
				p.height = number("height")
			case inside == "rect" && defs == 0:
				p.boxes = append(p.boxes, box{number("x"), number("y"), number("width"), number("height"), strings.HasSuffix(values["x"], "%") || strings.HasSuffix(values["width"], "%"), values["class"], values["fill"]})
			}
		case xml.EndElement:
			if token.Name.Local == "defs" {
				defs--
			}
			inside = ""
		case xml.CharData:
			switch inside {
			case "text":
				p.texts = append(p.texts, string(token))
			case "title":
				p.titles = append(p.titles, string(token))
			}
		}
	}
}

// solid are the rectangles without a hatch.
func (p parsed) solid() (some []box) {
	for _, one := range p.boxes {
		if one.fill == "" {
			some = append(some, one)
		}
	}
	return some
}

func (p parsed) hatched() int { return len(p.boxes) - len(p.solid()) }

func near(a, b float64) bool { return math.Abs(a-b) < 0.02 }

func (p parsed) insideHeight(t *testing.T) {
	t.Helper()
	for _, one := range p.boxes {
		if one.y < 0 || one.height < 0 || one.y+one.height > p.height+0.01 || one.x < 0 || one.width < 0 || one.percent && one.x+one.width > 100.02 {
			t.Errorf("%+v is outside of the drawing", one)
		}
	}
}

func TestWaterfall(t *testing.T) {
	panel := Panel{ID: "w", Title: "W"}
	drawing := Waterfall{Step: "step", Amount: "amount", Level: "level"}
	columns := []string{"step String", "amount Float64", "level Bool"}
	t.Run("bars continue where the last one ended", func(t *testing.T) {
		p := parse(t, drawing.draw(panel, tableOfRows(columns,
			[]any{"opening", 100.0, true}, []any{"new", 60.0, false}, []any{"churn", -40.0, false}, []any{"closing", 120.0, true})))
		p.insideHeight(t)
		b := p.solid()
		if len(b) != 4 {
			t.Fatalf("%d bars", len(b))
		}
		// The widest point, 160, is the whole width.
		for i, want := range []struct{ x, width float64 }{{0, 62.5}, {62.5, 37.5}, {75, 25}, {0, 75}} {
			if !near(b[i].x, want.x) || !near(b[i].width, want.width) {
				t.Errorf("bar %d: %+v, want %+v", i, b[i], want)
			}
		}
		if b[1].class != "fgood" || b[2].class != "fbad" || b[0].class != "f1" {
			t.Error(b)
		}
		if !slices.Contains(p.texts, "+60") || !slices.Contains(p.texts, "−40") {
			t.Error("signs are missing:", p.texts)
		}
	})
	t.Run("below zero", func(t *testing.T) {
		p := parse(t, drawing.draw(panel, tableOfRows(columns, []any{"opening", 10.0, true}, []any{"churn", -30.0, false}, []any{"closing", -20.0, true})))
		p.insideHeight(t)
		if b := p.solid(); !near(b[0].x, 66.67) || !near(b[0].width, 33.33) || !near(b[2].x, 0) || !near(b[2].width, 66.67) {
			t.Errorf("%+v", b)
		}
	})
	t.Run("only zeros", func(t *testing.T) {
		p := parse(t, drawing.draw(panel, tableOfRows(columns, []any{"opening", 0.0, true}, []any{"new", 0.0, false}, []any{"closing", 0.0, true})))
		p.insideHeight(t)
		if len(p.solid()) != 3 {
			t.Error(p.boxes)
		}
	})
}

func TestStacked(t *testing.T) {
	panel := Panel{ID: "s", Title: "S"}
	columns := []string{"month Date", "up Int64", "more Int64", "down Int64", "state String"}
	drawing := Stacked{X: "month", Up: []string{"up", "more"}, Down: []string{"down"}, Immature: "state"}
	t.Run("parts add up on both sides of the axis", func(t *testing.T) {
		p := parse(t, drawing.draw(panel, tableOfRows(columns, []any{month(1), int64(30), int64(10), int64(20), "due"}, []any{month(2), int64(5), int64(0), int64(0), NotYetDue})))
		p.insideHeight(t)
		b := p.solid()
		if len(b) != 4 { // zeros have no rectangle
			t.Fatalf("%+v", b)
		}
		unit := plotHeight / 60.0
		axis := plotTop + 40*unit
		for i, want := range []struct{ y, height float64 }{{axis - 30*unit, 30 * unit}, {axis - 40*unit, 10 * unit}, {axis, 20 * unit}, {axis - 5*unit, 5 * unit}} {
			if !near(b[i].y, want.y) || !near(b[i].height, want.height) {
				t.Errorf("part %d: %+v, want %+v", i, b[i], want)
			}
		}
		if p.hatched() != 1 {
			t.Errorf("%d hatched rectangles, want that of the second month", p.hatched())
		}
		for _, want := range []string{"40", "−20", "5", "2026-01", "2026-02"} {
			if !slices.Contains(p.texts, want) {
				t.Errorf("no text %s in %q", want, p.texts)
			}
		}
		if !slices.ContainsFunc(p.titles, func(title string) bool { return strings.Contains(title, "2026-02, up: 5 ("+NotYetDue+")") }) {
			t.Error(p.titles)
		}
	})
	t.Run("a negative value goes down", func(t *testing.T) {
		p := parse(t, Stacked{X: "month", Up: []string{"up"}}.draw(panel, tableOfRows(columns, []any{month(1), int64(-8), nil, nil, ""})))
		p.insideHeight(t)
		if b := p.solid(); len(b) != 1 || !near(b[0].y, plotTop) || !near(b[0].height, plotHeight) {
			t.Errorf("%+v", b)
		}
	})
	t.Run("no value is not zero", func(t *testing.T) {
		rows := tableOfRows([]string{"month Date", "rate Nullable(Float64)"}, []any{month(1), nil}, []any{month(2), 0.0})
		p := parse(t, Stacked{X: "month", Up: []string{"rate"}}.draw(panel, rows))
		if !slices.Contains(p.texts, "–") || len(p.boxes) != 0 {
			t.Errorf("%q %v", p.texts, p.boxes)
		}
	})
	t.Run("parts keep the order of their rank", func(t *testing.T) {
		rows := tableOfRows([]string{"month Date", "rank UInt8", "part String", "value Int64"},
			[]any{month(1), uint8(7), "(all others)", int64(1)}, []any{month(2), uint8(1), "a", int64(3)}, []any{month(2), uint8(7), "(all others)", int64(2)})
		all, names := Stacked{X: "month", Part: "part", Rank: "rank", Value: "value"}.columns(rows)
		if !slices.Equal(names, []string{"a", "(all others)"}) || len(all) != 2 || all[0].segments[0].series != 1 || all[1].high != 5 {
			t.Errorf("%v %+v", names, all)
		}
	})
}

func TestTriangle(t *testing.T) {
	panel := Panel{ID: "t", Title: "T"}
	columns := []string{"cohort Date", "age UInt32", "size UInt64", "percent Nullable(Float64)", "immature Bool"}
	drawing := Triangle{Cohort: "cohort", Age: "age", Size: "size", Percent: "percent", Immature: "immature"}
	t.Run("a cell for each cohort and age", func(t *testing.T) {
		p := parse(t, drawing.draw(panel, tableOfRows(columns,
			[]any{month(1), uint32(0), uint64(10), 100.0, false}, []any{month(1), uint32(1), uint64(10), 90.0, true}, []any{month(2), uint32(0), uint64(0), nil, true})))
		p.insideHeight(t)
		b := p.solid()
		if len(b) != 3 || b[1].x != b[0].x+cellWidth || b[1].y != b[0].y || b[2].x != b[0].x || b[2].y != b[0].y+cellHeight {
			t.Errorf("%+v", b)
		}
		if p.hatched() != 2 || !slices.Contains(p.texts, "90") || !slices.Contains(p.texts, "–") {
			t.Errorf("%d hatched, %q", p.hatched(), p.texts)
		}
	})
	t.Run("one cohort", func(t *testing.T) {
		p := parse(t, drawing.draw(panel, tableOfRows(columns, []any{month(1), uint32(0), uint64(3), 66.6, false})))
		p.insideHeight(t)
		if len(p.boxes) != 1 || !slices.Contains(p.texts, "67") {
			t.Errorf("%+v", p)
		}
	})
}

func TestFunnel(t *testing.T) {
	panel := Panel{ID: "f", Title: "F"}
	columns := []string{"step String", "due UInt64", "later UInt64"}
	drawing := Funnel{Step: "step", Due: "due", NotYetDue: "later"}
	p := parse(t, drawing.draw(panel, tableOfRows(columns, []any{"started", uint64(60), uint64(20)}, []any{"converted", uint64(30), uint64(0)})))
	p.insideHeight(t)
	b := p.boxes
	if len(b) != 4 || !near(b[0].width, 75) || !near(b[1].x, 75) || !near(b[1].width, 25) || b[2].fill == "" || !near(b[3].width, 37.5) {
		t.Errorf("%+v", b)
	}
	if !slices.Contains(p.texts, "30 · 50.0 %") || !slices.Contains(p.texts, "60 (+20)") {
		t.Errorf("%q", p.texts)
	}
	empty := parse(t, drawing.draw(panel, tableOfRows(columns, []any{"started", uint64(0), uint64(0)})))
	if len(empty.boxes) != 0 || !slices.Contains(empty.texts, "0") {
		t.Errorf("%+v", empty)
	}
}

func TestRanking(t *testing.T) {
	rows := tableOfRows([]string{"code String", "full UInt64", "later UInt64"}, []any{"A", uint64(6), uint64(2)}, []any{"", uint64(0), uint64(4)})
	p := parse(t, Ranking{Label: "code", Series: []string{"full"}, NotYetDue: "later"}.draw(Panel{ID: "r", Title: "R"}, rows))
	p.insideHeight(t)
	if b := p.solid(); len(b) != 3 || !near(b[0].width, 75) || !near(b[1].x, 75) || !near(b[2].width, 50) || p.hatched() != 2 {
		t.Errorf("%+v", p.boxes)
	}
	if !slices.Contains(p.texts, "(not known)") {
		t.Error(p.texts)
	}
}

func TestIntervals(t *testing.T) {
	rows := tableOfRows([]string{"arm String", "difference Float64", "low Float64", "high Float64"}, []any{"half", 2.0, -1.0, 3.0}, []any{"none", nil, nil, nil}, []any{"third", 1.0, 0.0, 2.0})
	p := parse(t, Intervals{Label: "arm", Value: "difference", Low: "low", High: "high", Unit: " %"}.draw(Panel{ID: "i", Title: "I"}, rows))
	p.insideHeight(t)
	// Each row has a line and a mark; a row without a value has neither.
	if b := p.solid(); len(b) != 4 || !near(b[0].x, 0) || !near(b[0].width, 100) || !near(b[1].x, 74.6) || !near(b[2].x, 25) || !near(b[2].width, 50) {
		t.Errorf("%+v", p.boxes)
	}
	if !slices.Contains(p.texts, "2 % (-1 to 3)") && !slices.Contains(p.texts, "2 % (−1 to 3)") || slices.Contains(p.texts, "none") {
		t.Error(p.texts)
	}
	if got := (Intervals{Label: "arm", Value: "difference", Low: "low", High: "high"}).draw(Panel{}, tableOfRows([]string{"arm String", "difference Float64", "low Float64", "high Float64"}, []any{"half", nil, nil, nil})); got != "" {
		t.Errorf("no value is drawn as %s", got)
	}
}

// TestDrawing_HostileTexts draws texts with markup: they are texts of the drawing, and it has
// no further elements.
func TestDrawing_HostileTexts(t *testing.T) {
	const text = `"><script>alert(1)</script><image href=x onerror='a'/>]]>&`
	panel := Panel{ID: "h", Title: text}
	rows := tableOfRows([]string{text + " String", "value Int64", "rank Int64", "age Int64"}, []any{text, int64(3), int64(1), int64(0)})
	rows.Columns[0] = figures.Column{Name: text, Type: "String"}
	for name, drawing := range map[string]Drawing{
		"waterfall": Waterfall{Step: text, Amount: "value"}, "funnel": Funnel{Step: text, Due: "value"}, "ranking": Ranking{Label: text, Series: []string{"value", "age"}},
		"stacked": Stacked{X: text, Up: []string{"value", "rank"}}, "long": Stacked{X: "age", Part: text, Rank: "rank", Value: "value"},
		"triangle": Triangle{Cohort: text, Age: "age", Size: "value", Percent: "value"}, "intervals": Intervals{Label: text, Value: "value", Low: "age", High: "value", Unit: text},
	} {
		markup := drawing.draw(panel, rows)
		if strings.Contains(string(markup), "<script") || strings.Contains(string(markup), "<image") || strings.Contains(string(markup), "style=") {
			t.Errorf("%s: %s", name, markup)
		}
		for _, element := range parse(t, markup).names {
			if !slices.Contains([]string{"svg", "defs", "pattern", "g", "rect", "line", "text", "title"}, element) {
				t.Errorf("%s has an element %s", name, element)
			}
		}
	}
}

func TestShort(t *testing.T) {
	for want, v := range map[string]float64{
		"0": 0, "7": 7, "7.3": 7.26, "99.9": 99.94, "100": 99.96, "999": 999.4, "1k": 999.6, "65.8k": 65770.76, "−1.4k": -1399, "2.5M": 2_450_001, "1G": 999_900_000,
	} {
		if got := short(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, limits := range [][2]float64{{0, 1}, {0, 65770}, {-1700, 8100}, {-3, 0}, {0, 0.004}, {0, 1e12}} {
		all := ticks(limits[0], limits[1])
		if len(all) < 2 || len(all) > 7 || !slices.Contains(all, 0) || !slices.IsSorted(all) || all[0] < limits[0]-1e-9 || all[len(all)-1] > limits[1]*(1+1e-9)+1e-9 {
			t.Errorf("%v: %v", limits, all)
		}
	}
}
