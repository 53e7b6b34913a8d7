package front

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/pianola/pianola/internal/sandbox/front/block"
)

// serverName is what the greeting calls the server.
const serverName = "ClickHouse"

// greet reads the client's hello, checks its login and answers.
func (c *nativeConn) greet() error {
	if err := c.conn.SetReadDeadline(time.Now().Add(greetingTimeout)); err != nil {
		return err
	}
	code, err := binary.ReadUvarint(c.in)
	if err != nil {
		return err
	}
	if proto.ClientCode(code) != proto.ClientCodeHello {
		return fmt.Errorf("packet %d instead of a hello", code)
	}
	f := &fields{in: c.in}
	f.text(maxShort) // the client's name
	f.number()
	f.number()
	revision := f.number()
	database, user, password := f.text(maxShort), f.text(maxShort), f.text(maxShort)
	if f.err != nil {
		return f.err
	}
	c.revision, c.database = block.Revision(min(revision, nativeRevision)), database
	if !proto.FeatureSettingsSerializedAsStrings.In(int(c.revision)) {
		return errors.Join(errors.New("the client's protocol is older than revision 54429"),
			c.fail(exception(codeNotImplemented, "NOT_IMPLEMENTED", "the native protocol is spoken from revision 54429 on")))
	}
	if !c.front.admits(user, password, c.tlsState()) {
		return errors.Join(errors.New("login refused"), c.fail(authenticationFailed()))
	}
	if c.session, err = c.server.newSession(database); err != nil {
		return errors.Join(err, c.fail(err))
	}
	id := c.server.identity
	hello := proto.ServerHello{
		Name: serverName, Major: id.major, Minor: id.minor, Patch: id.patch,
		Revision: nativeRevision, Timezone: id.timezone, DisplayName: id.name,
	}
	if err := c.send(func(b *proto.Buffer) { hello.EncodeAware(b, int(c.revision)) }); err != nil {
		return err
	}
	if proto.FeatureAddendum.In(int(c.revision)) {
		if f.text(maxShort); f.err != nil { // the quota key
			return f.err
		}
	}
	return c.conn.SetReadDeadline(time.Time{})
}

// tlsState is nil for a connection that is not encrypted.
func (c *nativeConn) tlsState() *tls.ConnectionState {
	encrypted, ok := c.conn.(*tls.Conn)
	if !ok {
		return nil
	}
	state := encrypted.ConnectionState()
	return &state
}

func authenticationFailed() error {
	return exception(codeAuthentication, "AUTHENTICATION_FAILED", "Authentication failed: password is incorrect, or there is no user with such name.")
}
