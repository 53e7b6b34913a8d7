package transform

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
	return w.rules.atInternalDomain(text, &w.addresses)
}

func (r *Rules) atInternalDomain(text []byte, addresses *addressFinder) bool {
	if len(r.internalDomains) == 0 {
		return false
	}
	domain, ok := addresses.domain(text)
	if !ok {
		return false
	}
	_, ok = r.internalDomains[string(domain)]
	return ok
}

// plaintext is the e-mail and its field: email only when user_email is absent.
func (w *Worker) plaintext() ([]byte, field) {
	if text := w.texts[userEmail]; text != nil {
		return text, userEmail
	}
	return w.texts[email], email
}
