package pianoapi

import "time"

// Config says how the server answers. The zero Config is a server for one test.
type Config struct {
	Addr  string // host:port on loopback; empty takes a free port
	AID   string // empty is DefaultAID
	Token string // empty is DefaultToken

	// MaxLimit is how many subscriptions a page has at most, whatever is asked
	// for; 0 is 1000.
	MaxLimit int
	Export   Export
	Faults   Faults
	Now      func() time.Time // nil is time.Now
}

// Export says what the subscription log is like.
type Export struct {
	File  FileForm
	Polls int // how often its status is asked for before it is finished; 0 is 2
}

// FileForm is the form of the exported file.
type FileForm int

// The forms that Piano's files have been seen in.
const (
	PlainCSV   FileForm = iota
	CSVWithBOM          // with a byte order mark
	ZippedCSV
)

// What a server takes that was not told otherwise. The token is one of the
// canaries.
const (
	DefaultAID   = "sandboxAID"
	DefaultToken = "canary-token-of-the-sandbox"
)

func (c Config) withDefaults() Config {
	if c.Addr == "" {
		c.Addr = "127.0.0.1:0"
	}
	if c.AID == "" {
		c.AID = DefaultAID
	}
	if c.Token == "" {
		c.Token = DefaultToken
	}
	if c.MaxLimit == 0 {
		c.MaxLimit = 1000
	}
	if c.Export.Polls == 0 {
		c.Export.Polls = 2
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
