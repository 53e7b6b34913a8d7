package transform

// appendQuoted appends a JSON string. The text must be valid UTF-8.
func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[from:i]...)
		dst = appendEscaped(dst, text[i:i+1])
		from = i + 1
	}
	dst = append(dst, text[from:]...)
	return append(dst, '"')
}

// appendEscaped appends one character as part of a JSON string.
func appendEscaped(dst, char []byte) []byte {
	const digits = "0123456789abcdef"
	switch c := char[0]; {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c < ' ':
		return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
	}
	return append(dst, char...)
}
