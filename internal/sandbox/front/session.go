package front

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/sandbox/front/libchdb"
	"github.com/pianola/pianola/internal/sandbox/front/statement"
)

// session is one client's conn. It runs one statement at a time.
type session struct {
	server *Server
	conn   *libchdb.Conn
	tag    string // in log_comment, by which its statement is found and killed
	dirty  bool   // the client has run SET in it
	broken bool   // its settings are not what they should be; it is not used again
}

// newSession opens a session in a database, the engine's default one where none
// is named.
func (s *Server) newSession(database string) (*session, error) {
	conn, err := s.engine.Connect()
	if err != nil {
		return nil, err
	}
	one := &session{server: s, conn: conn, tag: "front-" + rand.Text()}
	if err := one.retag(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("tag the session: %w", err)
	}
	if err := one.use(database); err != nil {
		conn.Close()
		return nil, err
	}
	return one, nil
}

func (s *session) use(database string) error {
	if database == "" {
		return nil
	}
	return s.conn.Exec("USE " + statement.Identifier(database))
}

// retag puts the tag in place, again after a SET that may have changed it. A
// statement that brings its own log_comment in a SETTINGS clause is out of the
// tag's reach: only its result's end stops it.
func (s *session) retag() error {
	return s.conn.Exec("SET log_comment = " + statement.Literal(s.tag))
}

func (s *session) close() { s.conn.Close() }

// killable runs f, which calls the engine, and kills its statement once ctx is
// done or the server closes. It returns when f does.
func (s *session) killable(ctx context.Context, f func() error) error {
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-done:
		case <-ctx.Done():
			s.kill(done)
		case <-s.server.quit.Done():
			s.kill(done)
		}
	}()
	err := f()
	close(done)
	<-watched
	return err
}

// kill asks for the statement's end again and again until it has ended: a
// statement that has only just started is not in the process list yet.
func (s *session) kill(done <-chan struct{}) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := s.killOnce(); err != nil {
			s.server.logger.Warn("killing a statement did not work", zap.Error(err))
		}
		select {
		case <-done:
			return
		case <-tick.C:
		}
	}
}

func (s *session) killOnce() error {
	conn, err := s.server.engine.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Exec("KILL QUERY WHERE Settings['log_comment'] = " + statement.Literal(s.tag) + " ASYNC")
}

func unhex(s string) (string, error) {
	b, err := hex.DecodeString(s)
	return string(b), err
}
