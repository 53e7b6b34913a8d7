package subscriptionlog

import (
	"errors"
	"regexp"
	"strings"
)

// A spreadsheet changes what it opens: dates become numbers of days, and long ids lose
// digits. Nothing in the saved file shows what the text was. So a file with such damage is
// refused.
type damage struct{ what string }

// Error implements error.
func (d *damage) Error() string { return d.what }

var (
	errDayNumber  = &damage{"a spreadsheet's number of days, and no date"}
	errScientific = &damage{"an id in scientific notation"}
	errDecimal    = &damage{"an id with decimal places"}
	errFormula    = &damage{"an id written as a spreadsheet formula or text mark"}
	errQuoted     = &damage{"a text written as a spreadsheet formula"}
	errSheet      = &damage{"an error value of a spreadsheet"}
	errRounded    = &damage{"ids that end in zeros from the sixteenth digit on: they were rounded"}
)

const (
	exportAgain = "a spreadsheet has changed the file: export the log again, and use the file as Piano made it"
	perhapsSo   = "if a spreadsheet has saved the file, export the log again"
)

var (
	dayNumber  = regexp.MustCompile(`^\d{1,6}([.,]\d+)?$`) // as seconds since 1970 it would be in January 1970
	scientific = regexp.MustCompile(`^\d([.,]\d+)?[eE][+-]\d{1,3}$`)
	decimal0   = regexp.MustCompile(`^\d+[.,]0+$`)
	sheetError = regexp.MustCompile(`^#(#+|NAME\?|N/A|REF!|VALUE!|DIV/0!|NUM!|NULL!)$`) // "###" is a column that was too narrow
)

// formula begins a text that a program wrote so that a spreadsheet does not change it. No
// text of Piano begins so.
const formula = `="`

// damagedText returns the damage of any field; nil without any that is visible.
func damagedText(text string) error {
	switch {
	case sheetError.MatchString(text):
		return errSheet
	case strings.HasPrefix(text, formula):
		return errQuoted
	default:
		return nil
	}
}

// damagedID returns the damage of an id; nil without any that is visible.
func damagedID(text string) error {
	switch {
	case scientific.MatchString(text):
		return errScientific
	case decimal0.MatchString(text):
		return errDecimal
	case strings.HasPrefix(text, "="), strings.HasPrefix(text, "'"):
		return errFormula
	default:
		return nil
	}
}

// hintOf is what to do about the problem of a field.
func hintOf(problem error) string {
	switch {
	case errors.As(problem, new(*damage)):
		return exportAgain
	case errors.Is(problem, errUTF8):
		return "save the file as UTF-8"
	case errors.Is(problem, errEmpty), errors.Is(problem, errControl):
		return ""
	default:
		return perhapsSo
	}
}

// spreadsheetDigits is how many digits of a number a spreadsheet keeps.
const spreadsheetDigits = 15

// minRoundedDigits is how many zeros behind them show that a program has rounded the ids:
// they are coincidence in one of 100,000 files. maxRoundedIDs limits what is kept to count.
const (
	minRoundedDigits = 5
	maxRoundedIDs    = minRoundedDigits
)

// rounding looks for rounded ids in one column: numbers of more digits than a spreadsheet
// keeps, all with zeros behind.
type rounding struct {
	exact  bool            // one has other digits there
	ids    map[string]bool // some of the rounded ones
	digits int             // zeros behind, of these
	line   int             // of the first
}

func (r *rounding) add(id string, line int) {
	if len(id) <= spreadsheetDigits || strings.Trim(id, "0123456789") != "" {
		return
	}
	if strings.Trim(id[spreadsheetDigits:], "0") != "" {
		r.exact = true
	}
	if r.exact || len(r.ids) == maxRoundedIDs || r.ids[id] {
		return
	}
	if r.ids == nil {
		r.ids, r.line = map[string]bool{}, line
	}
	r.ids[strings.Clone(id)] = true
	r.digits += len(id) - spreadsheetDigits
}

func (r *rounding) found() bool { return !r.exact && r.digits >= minRoundedDigits }
