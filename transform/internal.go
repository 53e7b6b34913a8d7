package transform

import "bytes"

// Stage 3, the internal-user filter (contract §2).

// isInternal reports whether the event belongs to the publisher's own people: by
// flag, by user id, or by the domain of an address in the plaintext e-mail, the
// hash field or the user id.
func (w *Worker) isInternal() bool {
	if w.internalFlag {
		return true
	}
	if user := w.texts[userID]; user != nil && len(w.rules.internalIDs) > 0 {
		if _, ok := w.rules.internalIDs[string(user)]; ok {
			return true
		}
	}
	if len(w.rules.internalDomains) == 0 {
		return false
	}
	address, _ := w.plaintext()
	return w.atInternalDomain(address) ||
		w.atInternalDomain(w.texts[userEmailHash]) ||
		w.atInternalDomain(w.texts[userID])
}

// atInternalDomain reports whether the text is an address in a configured domain.
// A subdomain is another domain.
func (w *Worker) atInternalDomain(text []byte) bool {
	internal, lower := w.rules.atInternalDomain(text, w.lower)
	w.lower = lower
	return internal
}

// atInternalDomain overwrites scratch and returns it.
func (r *Rules) atInternalDomain(text, scratch []byte) (internal bool, lower []byte) {
	if len(r.internalDomains) == 0 || !wholeAddress(text) {
		return false, scratch
	}
	lower = appendLower(scratch[:0], text[bytes.IndexByte(text, '@')+1:])
	_, internal = r.internalDomains[string(lower)]
	return internal, lower
}

// plaintext is the e-mail and its field: email only when user_email is absent.
func (w *Worker) plaintext() ([]byte, field) {
	if text := w.texts[userEmail]; text != nil {
		return text, userEmail
	}
	return w.texts[email], email
}
