package pianoapi

import "time"

// Config configures the server. The zero Config is complete.
type Config struct {
	Addr  string // host:port on loopback; empty selects a free port
	AID   string // empty is DefaultAID
	Token string // empty is DefaultToken

	// MaxLimit is the maximum size of a page; 0 is 1000.
	MaxLimit int
	Export   Export
	Faults   Faults
	Now      func() time.Time // nil is time.Now
}

// Export configures the export of the subscription log.
type Export struct {
	File  FileForm
	Polls int // number of status requests before it is finished; 0 is 2
}

// FileForm is the form of the exported file.
type FileForm int

// The known forms of Piano's files.
const (
	PlainCSV   FileForm = iota
	CSVWithBOM          // with a byte order mark
	ZippedCSV
)

// The defaults of Config. The token is a canary: tests search for it where it must not
// appear.
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
