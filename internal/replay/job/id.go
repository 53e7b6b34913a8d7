package job

import (
	"crypto/rand"
	"errors"
	"regexp"
	"strings"
	"time"
)

const (
	idTime    = "20060102t150405" // UTC
	idLetters = "abcdefghijkmnpqrstuvwxyz23456789"
	idRandom  = 4
)

var idForm = regexp.MustCompile(`^[0-9]{8}t[0-9]{6}-[a-z0-9]{4}$`)

// ErrUnknown means that there is no job of this id.
var ErrUnknown = errors.New("there is no such job; pianola replay list shows all")

// NewID returns an id that is easy to type: the time of the start, and random
// characters without those that look alike.
func NewID(now time.Time) string { return now.UTC().Format(idTime) + "-" + mark() }

// mark returns some random characters.
func mark() string {
	random := make([]byte, idRandom)
	_, _ = rand.Read(random) // it never fails
	for i := range random {
		random[i] = idLetters[int(random[i])%len(idLetters)]
	}
	return string(random)
}

// ParseID reads an id as an operator types it.
func ParseID(text string) (string, error) {
	id := strings.ToLower(strings.TrimSpace(text))
	if !idForm.MatchString(id) {
		return "", errors.New("is not the id of a job, such as 20261129t221530-x7k2; pianola replay list shows all")
	}
	return id, nil
}
