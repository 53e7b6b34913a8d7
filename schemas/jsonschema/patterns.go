package jsonschema

import "strings"

// Patterns of texts in a message. They use what ECMA 262, RE2 and Python have in common: no
// look-around, and characters outside ASCII as themselves. Each accepts all that the stages
// accept, and as little else as is readable.

// Characters for use inside brackets.
const (
	// space is the Unicode property White_Space.
	space = `\t-\r \x85\xa0` + "\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
	// control is the general category Cc.
	control = `\x00-\x1f\x7f-\x9f`
	// at is what counts as @ in an address, and dot what counts as a full stop.
	at  = "@\uff20\ufe6b"
	dot = ".\uff0e\u3002\uff61\ufe52"
	// invisible is what the normal form of an address leaves out.
	invisible = `\xad` + "\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"
	// notLocal and notDomain are what a part of an address cannot have.
	notLocal  = space + control + at + `()<>\[\],;:"\\`
	notDomain = `\x00-,/:-@\[-\^` + "`" + `{-\x7f` + at
)

// trimmed matches a text whose content without white space around it matches one of the
// alternatives.
func trimmed(alternatives ...string) string {
	return "^[" + space + "]*(" + strings.Join(alternatives, "|") + ")[" + space + "]*$"
}

// optional also matches a blank text, which is the same as an absent one.
func optional(alternatives ...string) string { return trimmed(append(alternatives, "")...) }

const (
	// present has at least one character that is not white space.
	present = "[^" + space + "]"
	// identifier has no control character inside.
	identifier = "[^" + control + space + "]([^" + control + "]*[^" + control + space + "])?"

	exponent = "[eE][+-]?[0-9]+"
	// amount has at most fourteen digits before the point, leading zeros apart.
	amount = "[+-]?(0*[0-9]{1,14}[.]?|0*[0-9]{0,14}[.][0-9]+|([0-9]+[.]?[0-9]*|[.][0-9]+)" + exponent + ")"
	// count is a whole number up to ten digits; with an exponent any number.
	count = "[+]?(0*[0-9]{1,10}([.]0*)?|[.]0+)|-(0+([.]0*)?|[.]0+)|[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)" + exponent
	yes   = "[tT]([rR][uU][eE])?|[yY][eE][sS]|1"
	no    = "[fF]([aA][lL][sS][eE])?|[nN][oO]|0"

	hash    = "[0-9a-fA-F]{64}"
	address = "[^" + notLocal + "]+([" + at + "]|%[" + invisible + "]*4[" + invisible + "]*0)[^" + notDomain + "]*[" + dot + "][^" + notDomain + "]+"
)

// Notations of an instant.
const (
	monthAndDay = "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-9]))"
	offset      = "( ?(Z|z|UTC|GMT|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?))?"
	clock       = "[Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]{1,9})?)?" + offset
	// since2000 is a date and time from 2000 on; an offset may carry the last day of 1999 there.
	since2000 = "([2-9][0-9]{3}-" + monthAndDay + "(" + clock + ")?|1999-12-31" + clock + ")"
	// around1970 is a date and time that means none.
	around1970 = "(1969-12-3[01]|1970-01-0[12])(" + clock + ")?"
	// epochSince2000 has the digits of 2000 and later in seconds, milliseconds, microseconds
	// or nanoseconds. Fourteen digits alone may be a compact date.
	epochSince2000 = "0*(9[4-9]([0-9]{7}|[0-9]{10}|[0-9]{13}|[0-9]{16})|[0-9]{10,11}|[0-9]{13}|[0-9]{16,17}|[0-9]{19,})([.][0-9]+)?|0*[0-9]{14}[.][0-9]+"
	epochZero      = "0{1,7}|0{9,13}|0{15,}|-0+([.]0+)?|0+[.]0+"
)
