package rows

// message builds one JSON object. Of an object over the limit it keeps one byte more than
// the limit, so that the stages refuse it.
type message struct {
	limit     int
	buf       []byte
	truncated bool
}

func (m *message) begin() {
	m.buf, m.truncated = append(m.buf[:0], '{'), false
}

// name starts a member. start is from the function member.
func (m *message) name(start string) {
	if len(m.buf) > 1 {
		m.buf = append(m.buf, ',')
	}
	m.buf = append(m.buf, start...)
}

// end closes the object and returns it.
func (m *message) end() []byte {
	m.buf = append(m.buf, '}')
	if len(m.buf) > m.limit+1 {
		m.buf, m.truncated = m.buf[:m.limit+1], true
	}
	return m.buf
}

// text appends a JSON text. The bytes are those of the file: the stages check UTF-8.
func (m *message) text(value []byte) {
	m.buf = append(m.buf, '"')
	m.inside(value)
	m.buf = append(m.buf, '"')
}

// inside appends a part of a JSON text.
func (m *message) inside(value []byte) {
	if room := max(m.limit+1-len(m.buf), 0); len(value) > room {
		value = value[:room] // the object is over the limit with these bytes
	}
	start := 0
	for i, c := range value {
		if !mustEscape[c] {
			continue
		}
		m.buf = append(m.buf, value[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			m.buf = append(m.buf, '\\', c)
		default:
			m.buf = append(m.buf, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	m.buf = append(m.buf, value[start:]...)
}

const hexDigits = "0123456789abcdef"

// mustEscape are the bytes that a JSON text must not contain as they are.
var mustEscape = func() (table [256]bool) {
	for c := range 0x20 {
		table[c] = true
	}
	table['"'], table['\\'] = true, true
	return table
}()
