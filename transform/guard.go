package transform

// The PII guard (contract §2, stage 4) replaces an address in any text except the
// e-mail fields with "sha256:" and its hash. It runs once over a text, so that
// its output is never part of another address.

// guardedFields are the texts that are stored as received.
var guardedFields = func() (fields []field) {
	for f, known := range fieldTable {
		if known.shape == textShape {
			fields = append(fields, field(f))
		}
	}
	return fields
}()

func (w *Worker) guardTexts() {
	w.guarded = true
	for _, f := range guardedFields {
		if text := w.texts[f]; len(text) > 0 && mayHoldAddress(text) {
			w.texts[f] = w.guard(text)
		}
	}
}

// guard returns the text itself when it has no address.
func (w *Worker) guard(text []byte) []byte {
	start := len(w.arena)
	guarded, addresses := w.addresses.appendGuarded(w.arena, text)
	if addresses == 0 {
		return text
	}
	w.arena = guarded
	w.result.Notes.GuardedAddresses += uint32(addresses)
	return guarded[start:len(guarded):len(guarded)]
}
