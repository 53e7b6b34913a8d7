package main

import (
	"strings"
	"unicode"
)

// printable keeps what came from outside (ids, file names, payloads) from moving
// the cursor, breaking a table or ringing the bell: control and format characters
// show as ·.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return '·'
		}
		return r
	}, text)
}
