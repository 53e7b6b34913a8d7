package piano

import (
	"bytes"
	"sync"

	"go.uber.org/zap"
)

const (
	// LogTokenRead is the log message of a new token after Piano has rejected the old one.
	LogTokenRead = "token rejected, and read again"
	// LogTokenUnread is that of a token that could not be read again.
	LogTokenUnread = "token rejected, and not read again"
)

// tokens are the token in use and the one before it.
type tokens struct {
	mu       sync.Mutex // guards the others
	current  string
	previous string
	read     func() (string, error) // nil where the token never changes
}

func (t *tokens) get() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current
}

// renewed reads the token again after Piano has rejected one. It reports whether there is
// another one now.
func (t *tokens) renewed(rejected string, log *zap.Logger) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current != rejected { // another request has read it meanwhile
		return true
	}
	if t.read == nil {
		return false
	}
	switch token, err := t.read(); {
	case err != nil:
		log.Warn(LogTokenUnread, zap.Error(err))
		return false
	case token == rejected || token == "":
		return false
	default:
		t.previous, t.current = rejected, token
		log.Info(LogTokenRead)
		return true
	}
}

// minMaskedToken is the minimum length of a token to mask: a shorter one is no secret, and
// would match everywhere.
const minMaskedToken = 6

// without masks the tokens in an answer: errors show words of Piano, and rows are stored.
func (t *tokens) without(body []byte) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, token := range []string{t.current, t.previous} {
		if len(token) >= minMaskedToken {
			body = bytes.ReplaceAll(body, []byte(token), []byte("***"))
		}
	}
	return body
}
