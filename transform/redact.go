package transform

// maxRedacted is the maximum size of a dead letter's payload (contract §3).
const maxRedacted = 4 << 10

// Redact returns the part of a refused message that may be stored (contract §3,
// end): valid UTF-8 of at most 4 KiB. For a readable object it is a JSON object
// with the known fields first, each repetition included. Their decoded text goes
// through the guard, and the e-mail fields are hashed or masked. Then come the
// unknown names, guarded too, with the JSON type of their values. For anything
// else, and for a message above the size limit, it is the start of the message
// with letters as x and digits as 9.
//
// It allocates, and does not change the result of the last Apply.
func (w *Worker) Redact(message []byte) string {
	body := withoutPrefix(message)
	if len(message) > w.rules.maxBytes || !isObject(body) {
		return string(appendMasked(nil, message, maxRedacted))
	}
	r := redactor{rules: w.rules, out: make([]byte, 0, min(2*len(body), maxRedacted))}
	if !r.object(body, maxRedacted) {
		// Too long: again with every text cut, so that all fields fit.
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
