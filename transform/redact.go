package transform

// maxRedacted is the size of a dead letter's payload at most (contract §3).
const maxRedacted = 4 << 10

// Redact gives what may be kept of a message that was refused (contract §3, end)
// as valid UTF-8 of at most 4 KiB. Of a readable object that is a JSON object:
// first its known fields, repeated ones each time, the guard run over their
// decoded text, the e-mail fields hashed or masked; then its unknown names,
// guarded too, with the JSON type of their values. Of anything else, and of what
// is larger than the limit, it is the beginning with letters as x and digits
// as 9.
//
// It allocates, and leaves the result of the last Apply as it is.
func (w *Worker) Redact(message []byte) string {
	body := withoutPrefix(message)
	if len(message) > w.rules.maxBytes || !isObject(body) {
		return string(appendMasked(nil, message, maxRedacted))
	}
	r := redactor{rules: w.rules, out: make([]byte, 0, min(2*len(body), maxRedacted))}
	if !r.object(body, maxRedacted) {
		// Too long: the same again with every text cut, so that all fields fit.
		r.object(body, 96)
	}
	return string(r.out)
}

func isObject(body []byte) bool {
	var s scanner
	var m member
	s.reset(body)
	s.space()
	if s.peek() != '{' {
		return false
	}
	s.pos++
	for s.member(&m) {
	}
	return s.fault == wellFormed && s.end()
}
