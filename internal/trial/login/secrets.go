package login

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// secrets are texts that no output may contain, and the places where one was found. It is
// safe for concurrent use.
type secrets struct {
	mu    sync.Mutex
	texts []string
	leaks []string
}

// password makes a random password. It has only letters and digits, so that no quoting
// changes it.
func (s *secrets) password() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	password := "canary" + hex.EncodeToString(b[:])
	s.bytes([]byte(password))
	for _, user := range []string{reader, narrow, observer} {
		s.add(base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))) // PLAIN
		s.add(base64.StdEncoding.EncodeToString([]byte(user + ":" + password)))             // HTTP
	}
	s.add(password)
	return password
}

// bytes adds a binary secret, in its encoded forms.
func (s *secrets) bytes(b []byte) {
	s.add(strings.TrimRight(base64.StdEncoding.EncodeToString(b), "="))
	s.add(hex.EncodeToString(b))
}

// key adds a private key: every line of its PEM.
func (s *secrets) key(pem []byte) {
	for line := range strings.Lines(string(pem)) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") && len(line) >= 16 {
			s.add(line)
		}
	}
}

func (s *secrets) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.texts, text) {
		s.texts = append(s.texts, text)
	}
}

// search looks for secrets in an output. It keeps what it finds without the secret.
func (s *secrets) search(where, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, secret := range s.texts {
		if strings.Contains(text, secret) {
			s.leaks = append(s.leaks, fmt.Sprintf("secret %d is in %s: %s", i+1, where, strings.ReplaceAll(text, secret, "[the secret]")))
		}
	}
}

// found is an error where any output has contained a secret.
func (s *secrets) found() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.leaks) == 0 {
		return nil
	}
	return fmt.Errorf("%d secrets are in outputs; the first: %s", len(s.leaks), s.leaks[0])
}
