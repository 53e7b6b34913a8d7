package consumer

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"time"
)

// Isolation is the isolation level for transactional records.
type Isolation string

// The isolation levels, by Kafka's names.
const (
	// ReadCommitted skips aborted transactions and waits for open ones.
	ReadCommitted Isolation = "read_committed"
	// ReadUncommitted returns every record.
	ReadUncommitted Isolation = "read_uncommitted"
)

// Mechanism is a SASL mechanism; empty means no login.
type Mechanism string

// The mechanisms.
const (
	NoLogin     Mechanism = ""
	Plain       Mechanism = "plain"
	ScramSHA256 Mechanism = "scram-sha-256"
	ScramSHA512 Mechanism = "scram-sha-512"
)

// SASL is the login to the brokers. The password is used for nothing but the
// login.
type SASL struct {
	Mechanism Mechanism
	User      string
	Password  string
}

// Config is what to consume, as which group, and how. The key paths in the
// comments are those of the configuration file.
type Config struct {
	Brokers  []string // kafka.brokers: host:port of some brokers; the others are discovered
	Topics   []string // kafka.topics: all of them must exist
	Group    string   // kafka.group
	ClientID string   // kafka.client_id: the name in brokers' logs and quotas

	// Isolation is kafka.isolation, default ReadCommitted.
	Isolation Isolation

	// RebalanceTimeout (kafka.rebalance_timeout) is how long a rebalance waits
	// for this member: the bound for the last insert and commit of a generation.
	RebalanceTimeout time.Duration
	// SessionTimeout (kafka.session_timeout) is the consumer group session
	// timeout. By default brokers allow 6 s to 30 min.
	SessionTimeout time.Duration
	// HeartbeatInterval (kafka.heartbeat_interval) is at most a third of SessionTimeout.
	HeartbeatInterval time.Duration
	// DrainTimeout (kafka.drain_timeout) is how long a handler may take after
	// shutdown was requested, before its context ends too.
	DrainTimeout time.Duration
	// MetadataInterval (kafka.metadata_interval) is how often topics are checked
	// for new partitions.
	MetadataInterval time.Duration

	// FetchMaxBytes (kafka.fetch_max_bytes) bounds one fetch response. A single
	// larger batch may exceed it. All partitions together hold at most fetchMemory.
	FetchMaxBytes int
	// HeldSets is how many readers may hold a record set at the same time. One
	// more waits in Next until another calls Next or Close. So one goroutine that
	// reads from more readers in turn waits for itself. It bounds the memory of
	// records for any number of partitions.
	HeldSets int
	// FetchMinBytes (kafka.fetch_min_bytes) is the minimum size of a fetch
	// response. FetchMaxWait (kafka.fetch_max_wait) is how long a broker waits
	// for it.
	FetchMinBytes int
	FetchMaxWait  time.Duration

	// DialTimeout (kafka.dial_timeout) bounds connecting to one broker, with TLS
	// and login.
	DialTimeout time.Duration
	// RequestTimeout (kafka.request_timeout) bounds one request, in addition to
	// the time that the request lets the broker wait.
	RequestTimeout time.Duration

	// TLS returns the configuration of the next connection: certificates may have been
	// renewed. Nil means plain text.
	TLS  func() *tls.Config
	SASL SASL
}

// defaultHeldSets keeps more cores busy than an instance usually has.
const defaultHeldSets = 8

// Defaults returns the defaults. Brokers and Group are empty, and Topics has the
// default of contract §1.
func Defaults() Config {
	return Config{
		Topics:            []string{"piano.subscriber-events"},
		ClientID:          "pianola",
		Isolation:         ReadCommitted,
		RebalanceTimeout:  60 * time.Second,
		SessionTimeout:    30 * time.Second,
		HeartbeatInterval: 3 * time.Second,
		DrainTimeout:      30 * time.Second,
		MetadataInterval:  10 * time.Second,
		FetchMaxBytes:     1 << 20,
		HeldSets:          defaultHeldSets,
		FetchMinBytes:     1,
		FetchMaxWait:      500 * time.Millisecond,
		DialTimeout:       5 * time.Second,
		RequestTimeout:    10 * time.Second,
	}
}

// Validate returns all mistakes joined, each with its key path. It does no I/O. It does
// not repeat a text, which may be a misplaced password.
func (c Config) Validate() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("kafka.%s: %s", key, fmt.Sprintf(format, args...)))
	}

	if len(c.Brokers) == 0 {
		bad("brokers", "needs at least one host:port")
	}
	for i, broker := range c.Brokers {
		if host, port, err := net.SplitHostPort(broker); err != nil || host == "" || port == "" {
			bad("brokers", "address %d is not host:port", i+1)
		}
	}
	if len(c.Topics) == 0 {
		bad("topics", "needs at least one topic")
	}
	for i, topic := range c.Topics {
		if err := checkTopicName(topic); err != nil {
			bad("topics", "topic %d %v", i+1, err)
		} else if slices.Contains(c.Topics[:i], topic) {
			bad("topics", "%s is named twice", topic) // only characters of a topic name
		}
	}
	if strings.TrimSpace(c.Group) == "" {
		bad("group", "is empty")
	}
	if c.Isolation != ReadCommitted && c.Isolation != ReadUncommitted {
		bad("isolation", "is neither %s nor %s", ReadCommitted, ReadUncommitted)
	}
	c.validateTimes(bad)
	c.validateFetch(bad)
	c.validateLogin(bad)
	return errors.Join(errs...)
}

func (c Config) validateTimes(bad func(key, format string, args ...any)) {
	for _, t := range []struct {
		key string
		d   time.Duration
	}{
		{"rebalance_timeout", c.RebalanceTimeout},
		{"session_timeout", c.SessionTimeout},
		{"heartbeat_interval", c.HeartbeatInterval},
		{"drain_timeout", c.DrainTimeout},
		{"metadata_interval", c.MetadataInterval},
		{"fetch_max_wait", c.FetchMaxWait},
		{"dial_timeout", c.DialTimeout},
		{"request_timeout", c.RequestTimeout},
	} {
		if t.d < time.Millisecond || t.d > math.MaxInt32*time.Millisecond {
			bad(t.key, "%v is not between 1ms and 24 days", t.d)
		}
	}
	if c.HeartbeatInterval > c.SessionTimeout/3 {
		bad("heartbeat_interval", "%v is more than a third of kafka.session_timeout (%v)", c.HeartbeatInterval, c.SessionTimeout)
	}
}

func (c Config) validateFetch(bad func(key, format string, args ...any)) {
	if c.FetchMaxBytes < 1<<10 || c.FetchMaxBytes > 1<<30 {
		bad("fetch_max_bytes", "%d is not between 1 KiB and 1 GiB", c.FetchMaxBytes)
	}
	if c.FetchMinBytes < 1 || c.FetchMinBytes > c.FetchMaxBytes {
		bad("fetch_min_bytes", "%d is not between 1 and kafka.fetch_max_bytes", c.FetchMinBytes)
	}
}

func (c Config) validateLogin(bad func(key, format string, args ...any)) {
	switch c.SASL.Mechanism {
	case NoLogin:
		if c.SASL.User != "" || c.SASL.Password != "" {
			bad("sasl.mechanism", "is empty although a user or a password is set")
		}
	case Plain, ScramSHA256, ScramSHA512:
		if c.SASL.User == "" {
			bad("sasl.user", "is empty")
		}
		if c.SASL.Password == "" {
			bad("sasl.password", "is empty")
		}
	default:
		bad("sasl.mechanism", "is not one of %s, %s, %s", Plain, ScramSHA256, ScramSHA512)
	}
}

// checkTopicName applies Kafka's rule: 1 to 249 characters of [a-zA-Z0-9._-], and
// neither "." nor "..".
func checkTopicName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return errors.New("is not a topic name")
	case len(name) > 249:
		return errors.New("is longer than 249 characters")
	}
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-' {
			return errors.New("has a character other than letters, digits, '.', '_' and '-'")
		}
	}
	return nil
}
