package consumer

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// mechanism is kafka-go's form of the login, or nil.
func (s SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case Plain:
		return plain.Mechanism{Username: s.User, Password: s.Password}, nil
	case ScramSHA256:
		return s.scram(scram.SHA256)
	case ScramSHA512:
		return s.scram(scram.SHA512)
	}
	return nil, nil
}

func (s SASL) scram(algorithm scram.Algorithm) (sasl.Mechanism, error) {
	m, err := scram.Mechanism(algorithm, s.User, s.Password)
	if err != nil {
		// The cause could contain the password: SASLprep names what it refuses.
		return nil, fmt.Errorf("kafka.sasl: user or password has characters that %s forbids", s.Mechanism)
	}
	return scramMechanism{m}, nil
}

// scramMechanism turns errors of SCRAM's client side into ErrLogin, such as a
// server that does not know the password. The library has only texts.
type scramMechanism struct{ sasl.Mechanism }

func (t scramMechanism) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	session, first, err := t.Mechanism.Start(ctx)
	return scramSession{session}, first, asLogin(err)
}

type scramSession struct{ sasl.StateMachine }

func (t scramSession) Next(ctx context.Context, challenge []byte) (bool, []byte, error) {
	done, response, err := t.StateMachine.Next(ctx, challenge)
	return done, response, asLogin(err)
}

func asLogin(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrLogin, err)
}
