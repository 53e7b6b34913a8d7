package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// Config configures the broker.
type Config struct {
	// Addr is host:port on loopback. The host is 127.0.0.1, localhost or empty. Port 0
	// selects a free port.
	Addr string
	// Advertise is the advertised address if it is not Addr, for example that of a
	// proxy.
	Advertise string
	// DataDir is the data directory. Start creates it. Empty keeps all data in memory.
	DataDir string
	// TLS encrypts every connection, unless nil.
	TLS *tls.Config
	// Users can log in with SASL. Without users no login is required.
	Users []User
	// Topics are the topics to create, with their number of partitions.
	Topics map[string]int
}

// Validate reports all errors at once.
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
			errs = append(errs, fmt.Errorf("kafka topic %q: %d partitions, must be at least 1", topic, n))
		}
	}
	return errors.Join(errs...)
}

// port returns the port of Addr. It accepts only loopback, because kfake needs no
// password by default.
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
