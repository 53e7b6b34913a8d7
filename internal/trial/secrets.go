package trial

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// secrets are texts that no output may hold, and where one was found. It is safe
// for concurrent use.
type secrets struct {
	mu    sync.Mutex
	texts []string
	leaks []string
}

// password draws one that is known again wherever it turns up. It has letters and
// digits alone: every quoting leaves it as it is.
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

// bytes takes a secret that is shown encoded, if at all.
func (s *secrets) bytes(b []byte) {
	s.add(strings.TrimRight(base64.StdEncoding.EncodeToString(b), "="))
	s.add(hex.EncodeToString(b))
}

// key takes a private key: every line of its PEM.
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

// search looks for secrets in what a process has said somewhere. What it finds is
// told without the secret itself.
func (s *secrets) search(where, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, secret := range s.texts {
		if strings.Contains(text, secret) {
			s.leaks = append(s.leaks, fmt.Sprintf("secret %d is in %s: %s", i+1, where, strings.ReplaceAll(text, secret, "[the secret]")))
		}
	}
}

// found is an error when a secret has been found anywhere.
func (s *secrets) found() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.leaks) == 0 {
		return nil
	}
	return fmt.Errorf("%d secrets are told; the first: %s", len(s.leaks), s.leaks[0])
}
