package subscriptionlog

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/transform"
)

var (
	errTwice   = errors.New("is there twice")
	errEmpty   = errors.New("is empty")
	errControl = errors.New("has a control character")
	errFlag    = errors.New("want TRUE or FALSE")
	errAmount  = errors.New("want an amount such as 6.0200")
	errCount   = errors.New("want a whole number")
	errUTF8    = errors.New("is no UTF-8")
)

// cell is one field of one record; it keeps the first problem.
type cell struct {
	rules   Rules
	text    string // trimmed
	problem error
}

// words is the text after the guard, since any text may contain an address. The copy
// frees the record, which contains the personal columns too.
func (c *cell) words() string { return strings.Clone(transform.Guard(c.text)) }

// present is a required text.
func (c *cell) present() string {
	if c.text == "" {
		c.problem = errEmpty
	}
	return c.words()
}

// id is a subscription id, with the rules of the stream (contract §1).
func (c *cell) id() string {
	if strings.ContainsFunc(c.text, unicode.IsControl) {
		c.problem = errControl
	}
	c.key()
	return c.present()
}

// key is the id of any object.
func (c *cell) key() string {
	if err := damagedID(c.text); err != nil && c.problem == nil {
		c.problem = err
	}
	return c.words()
}

// blank reports that a value which is no text is absent. The log leaves it empty; other
// programs write the other forms.
func (c *cell) blank() bool {
	switch strings.ToLower(c.text) {
	case "", "-", "n/a", "null":
		return true
	default:
		return false
	}
}

// instant follows the rules of a message's optional timestamps.
func (c *cell) instant() *time.Time {
	if c.blank() {
		return nil
	}
	if dayNumber.MatchString(c.text) {
		c.problem = errDayNumber
		return nil
	}
	at, err := c.rules.Timestamp(c.text)
	if err != nil {
		c.problem = err
	}
	if err != nil || !at.Valid {
		return nil
	}
	t := time.UnixMilli(int64(at.Millis)).UTC()
	return &t
}

// flag takes what a message's boolean may be as text (contract §1).
func (c *cell) flag() *bool {
	if c.blank() {
		return nil
	}
	var is bool
	switch strings.ToLower(c.text) {
	case "true", "1", "yes", "t":
		is = true
	case "false", "0", "no", "f":
	default:
		c.problem = errFlag
		return nil
	}
	return &is
}

// number is an amount of the log; some exports write large floats with an exponent.
var number = regexp.MustCompile(`^[+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,2})?$`)

// amount rounds as piano.RoundAmount does.
func (c *cell) amount() *decimal.Decimal {
	if c.blank() {
		return nil
	}
	if number.MatchString(c.text) {
		if d, err := decimal.NewFromString(c.text); err == nil {
			if rounded := piano.RoundAmount(d); rounded != nil {
				return rounded
			}
		}
	}
	c.problem = errAmount
	return nil
}

func (c *cell) count() *int32 {
	if c.blank() {
		return nil
	}
	n, err := strconv.ParseInt(c.text, 10, 32)
	if err != nil {
		c.problem = errCount
		return nil
	}
	count := int32(n)
	return &count
}
