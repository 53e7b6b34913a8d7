package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// Config says where the broker listens and what it holds.
type Config struct {
	// Addr is host:port. The host is 127.0.0.1, localhost or empty, which mean
	// the same: loopback is all that is offered. Port 0 takes any free port.
	Addr string
	// Advertise is the host:port that clients are told to come to, where it is
	// not Addr: that of a proxy in front. Empty tells them Addr.
	Advertise string
	// DataDir keeps the broker's data; it is made when missing. Empty keeps
	// everything in memory.
	DataDir string
	// TLS encrypts every connection; nil: none is.
	TLS *tls.Config
	// Users are who may come in; with none anybody may, without a login.
	Users []User
	// Topics are made, with their number of partitions, where they do not exist.
	Topics map[string]int
}

// Validate reports every mistake at once.
func (c Config) Validate() error {
	_, err := c.port()
	errs := []error{err}
	if c.Advertise != "" {
		if _, _, err := net.SplitHostPort(c.Advertise); err != nil {
			errs = append(errs, fmt.Errorf("kafka advertised address %q: write it as host:port", c.Advertise))
		}
	}
	for _, user := range c.Users {
		errs = append(errs, user.validate())
	}
	for _, topic := range sortedKeys(c.Topics) {
		if topic == "" {
			errs = append(errs, errors.New("kafka topics: a name is empty"))
		}
		if n := c.Topics[topic]; n < 1 {
			errs = append(errs, fmt.Errorf("kafka topic %q: %d partitions, at least 1 is needed", topic, n))
		}
	}
	return errors.Join(errs...)
}

// port reads the port of Addr and refuses every host but loopback, since kfake
// asks for no password.
func (c Config) port() (int, error) {
	host, text, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return 0, fmt.Errorf("kafka address %q: write it as host:port, such as 127.0.0.1:9092", c.Addr)
	}
	switch host {
	case "", "127.0.0.1", "localhost":
	default:
		return 0, fmt.Errorf("kafka address %q: the sandbox listens on loopback only; use 127.0.0.1", c.Addr)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return 0, fmt.Errorf("kafka address %q: the port is not a number from 0 to 65535", c.Addr)
	}
	return port, nil
}
