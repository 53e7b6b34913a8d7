package kafka

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"
)

// The SASL mechanisms.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
)

// User is a superuser with one SASL mechanism. A name may have a password for each
// mechanism.
type User struct {
	Mechanism, Name, Password string
}

// secured returns kfake's options for TLS and SASL. With users, every client must log
// in.
func secured(cfg Config) []kfake.Opt {
	var opts []kfake.Opt
	if cfg.TLS != nil {
		opts = append(opts, kfake.TLS(cfg.TLS))
	}
	if len(cfg.Users) > 0 {
		opts = append(opts, kfake.EnableSASL())
	}
	for _, u := range cfg.Users {
		opts = append(opts, kfake.Superuser(u.Mechanism, u.Name, u.Password))
	}
	return opts
}

func (u User) validate() error {
	switch {
	case u.Mechanism != Plain && u.Mechanism != ScramSHA256 && u.Mechanism != ScramSHA512:
		return fmt.Errorf("kafka user: mechanism %q: must be %s, %s or %s", u.Mechanism, Plain, ScramSHA256, ScramSHA512)
	case u.Name == "" || u.Password == "":
		return errors.New("kafka user: name or password is empty")
	}
	return nil
}
