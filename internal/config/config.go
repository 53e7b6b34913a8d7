package config

import (
	"crypto/tls"
	"time"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/reconcile"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// Config is everything that can be set. The tags are the source of every key:
// koanf is its name, help its sentence in help texts.
type Config struct {
	Kafka      Kafka      `koanf:"kafka"`
	ClickHouse ClickHouse `koanf:"clickhouse"`
	Batch      Batch      `koanf:"batch"`
	Consumer   Consumer   `koanf:"consumer"`
	Transform  Transform  `koanf:"transform"`
	Piano      Piano      `koanf:"piano"`
	Reconcile  Reconcile  `koanf:"reconcile"`
	HTTP       HTTP       `koanf:"http"`
	Log        Log        `koanf:"log"`
	Shutdown   Shutdown   `koanf:"shutdown"`
}

// Kafka is where messages come from.
type Kafka struct {
	Brokers           []string      `koanf:"brokers" help:"host:port of some brokers; the others are found through them"`
	Topics            []string      `koanf:"topics" help:"topics to consume"`
	Group             string        `koanf:"group" help:"consumer group"`
	ClientID          string        `koanf:"client_id" help:"name in the brokers' logs and quotas"`
	Isolation         string        `koanf:"isolation" help:"read_committed or read_uncommitted"`
	RebalanceTimeout  time.Duration `koanf:"rebalance_timeout" help:"how long the group waits for a member to finish its work"`
	SessionTimeout    time.Duration `koanf:"session_timeout" help:"silence after which a member's partitions go to others"`
	HeartbeatInterval time.Duration `koanf:"heartbeat_interval" help:"at most a third of the session timeout"`
	MetadataInterval  time.Duration `koanf:"metadata_interval" help:"how often to look for new partitions"`
	FetchMaxBytes     Size          `koanf:"fetch_max_bytes" help:"bound of one fetch, and so of memory for each partition"`
	FetchMinBytes     Size          `koanf:"fetch_min_bytes" help:"a broker answers once it has this much"`
	FetchMaxWait      time.Duration `koanf:"fetch_max_wait" help:"or after this time"`
	DialTimeout       time.Duration `koanf:"dial_timeout" help:"bound of connecting to a broker"`
	RequestTimeout    time.Duration `koanf:"request_timeout" help:"bound of one request"`
	TLS               TLS           `koanf:"tls"`
	SASL              SASL          `koanf:"sasl"`
}

// SASL is the login to the brokers.
type SASL struct {
	Mechanism    string `koanf:"mechanism" help:"plain, scram-sha-256 or scram-sha-512; empty for no login"`
	User         string `koanf:"user" help:"user of the login"`
	Password     Secret `koanf:"password" help:"password of the login"`
	PasswordFile string `koanf:"password_file" help:"file that holds the password"`
}

// TLS is how a connection is encrypted and both ends prove who they are.
type TLS struct {
	Enabled    bool   `koanf:"enabled" help:"encrypt the connection"`
	CAFile     string `koanf:"ca_file" help:"certificates to trust, instead of the system's (PEM)"`
	CertFile   string `koanf:"cert_file" help:"certificate to show (PEM)"`
	KeyFile    string `koanf:"key_file" help:"private key of that certificate (PEM)"`
	ServerName string `koanf:"server_name" help:"name to expect in the server's certificate, where it is not the host's"`

	built *tls.Config // what the files say; nil when not enabled
}

// ClickHouse is where rows go.
type ClickHouse struct {
	Addr          []string      `koanf:"addr" help:"host:port of one or more servers; the next is tried when one cannot be reached"`
	Protocol      string        `koanf:"protocol" help:"native or http"`
	Database      string        `koanf:"database" help:"database that holds tables and views"`
	User          string        `koanf:"user" help:"user of the login"`
	Password      Secret        `koanf:"password" help:"password of the login"`
	PasswordFile  string        `koanf:"password_file" help:"file that holds the password"`
	Compression   string        `koanf:"compression" help:"lz4 or none"`
	InsertTimeout time.Duration `koanf:"insert_timeout" help:"bound of one attempt of an insert; well under the rebalance timeout"`
	DialTimeout   time.Duration `koanf:"dial_timeout" help:"bound of connecting"`
	Retry         Retry         `koanf:"retry"`
	TLS           TLS           `koanf:"tls"`
}

// Retry is how attempts back off.
type Retry struct {
	Initial time.Duration `koanf:"initial" help:"pause before the second attempt"`
	Max     time.Duration `koanf:"max" help:"the pauses grow up to this"`
}

// Batch bounds what one insert gathers.
type Batch struct {
	MaxRows  int           `koanf:"max_rows" help:"messages in a batch"`
	MaxBytes Size          `koanf:"max_bytes" help:"bytes in a batch, uncompressed"`
	MaxWait  time.Duration `koanf:"max_wait" help:"how long the oldest message of a batch waits"`
}

// Consumer is how the service behaves as a consumer.
type Consumer struct {
	OnDataLoss string `koanf:"on_data_loss" help:"fail or continue when messages are gone before they were read"`
	Instance   string `koanf:"instance" help:"name of this process in the ledger and in logs"`
}

// Transform is how messages are read (contract §1 and §2).
type Transform struct {
	MaxMessageBytes      Size              `koanf:"max_message_bytes" help:"largest message that is read"`
	FieldAliases         map[string]string `koanf:"field_aliases" help:"other names of fields, as other:known,…"`
	SourceTimezone       string            `koanf:"source_timezone" help:"IANA name of the zone of local times"`
	MaxFuture            time.Duration     `koanf:"max_future" help:"how far beyond now an event may lie"`
	InternalUserIDs      []string          `koanf:"internal_user_ids" help:"user ids whose events are filtered"`
	InternalEmailDomains []string          `koanf:"internal_email_domains" help:"domains whose users' events are filtered"`
	UnknownAction        string            `koanf:"unknown_action" help:"keep, dead_letter or drop"`
}

// Piano is the publisher's API.
type Piano struct {
	BaseURL      string        `koanf:"base_url" help:"publisher API of your region"`
	ReportsURL   string        `koanf:"reports_url" help:"reports API"`
	AID          string        `koanf:"aid" help:"application id"`
	APIToken     Secret        `koanf:"api_token" help:"token of the publisher API"`
	APITokenFile string        `koanf:"api_token_file" help:"file that holds the token"`
	PageSize     int           `koanf:"page_size" help:"subscriptions asked for at a time"`
	Rate         float64       `koanf:"rate" help:"requests a second at most, all together"`
	Timeout      time.Duration `koanf:"timeout" help:"bound of one request"`
	Retry        APIRetry      `koanf:"retry"`
}

// APIRetry is how requests to the API are repeated. It ends, as the inserts' does
// not: there is always a next run.
type APIRetry struct {
	Initial  time.Duration `koanf:"initial" help:"pause before the second attempt, where the API names none"`
	Max      time.Duration `koanf:"max" help:"the pauses grow up to this"`
	Attempts int           `koanf:"attempts" help:"attempts until the error counts"`
}

// Reconcile is the comparison with Piano's API; it is off without a token.
type Reconcile struct {
	Interval           time.Duration `koanf:"interval" help:"time between reconciliations; 0 for none by itself"`
	Settle             time.Duration `koanf:"settle" help:"how long after an event its message may come"`
	Keep               int           `koanf:"keep" help:"complete snapshots that are kept"`
	DynamicCancel      string        `koanf:"dynamic_cancel" help:"immediate or deferred: how dynamic subscriptions are cancelled"`
	StartedAtTolerance time.Duration `koanf:"started_at_tolerance" help:"how far apart instants of stream and API may be that mean the same"`
	Verify             int           `koanf:"verify" help:"subscriptions that differ and that the API is asked about again, in one run"`
}

// HTTP is the service's own window.
type HTTP struct {
	Listen string `koanf:"listen" help:"host:port of health and metrics"`
}

// Log is what goes to standard error.
type Log struct {
	Level  string `koanf:"level" help:"debug, info, warn or error"`
	Format string `koanf:"format" help:"json or console"`
}

// Shutdown is how the service ends.
type Shutdown struct {
	Timeout time.Duration `koanf:"timeout" help:"bound of the last flush and commit"`
}

// defaultListen is on loopback, since the pages have no login. The port is not
// 8080, which is the one most likely taken where somebody tries this out.
const defaultListen = "127.0.0.1:8095"

// Defaults are those of the packages that the settings are for. Brokers and
// ClickHouse addresses have none: a service that guesses where its data goes is
// worse than one that asks.
func Defaults() Config {
	k, s, t, p := consumer.Defaults(), sink.Defaults(), transform.Defaults(), pipeline.Defaults()
	a, r := piano.Defaults(), reconcile.Defaults()
	return Config{
		Kafka: Kafka{
			Topics: k.Topics, Group: "pianola", ClientID: k.ClientID, Isolation: string(k.Isolation),
			RebalanceTimeout: k.RebalanceTimeout, SessionTimeout: k.SessionTimeout, HeartbeatInterval: k.HeartbeatInterval,
			MetadataInterval: k.MetadataInterval, FetchMaxBytes: Size(k.FetchMaxBytes), FetchMinBytes: Size(k.FetchMinBytes),
			FetchMaxWait: k.FetchMaxWait, DialTimeout: k.DialTimeout, RequestTimeout: k.RequestTimeout,
		},
		ClickHouse: ClickHouse{
			Protocol: string(s.Protocol), Database: s.Database, User: s.User, Compression: string(s.Compression),
			InsertTimeout: s.InsertTimeout, DialTimeout: s.DialTimeout,
			Retry: Retry{Initial: s.Retry.Initial, Max: s.Retry.Max},
		},
		Batch:    Batch{MaxRows: p.MaxRows, MaxBytes: Size(p.MaxBytes), MaxWait: p.MaxWait},
		Consumer: Consumer{OnDataLoss: string(p.OnDataLoss), Instance: "pianola"},
		Transform: Transform{
			MaxMessageBytes: Size(t.MaxMessageBytes), FieldAliases: t.FieldAliases, SourceTimezone: t.SourceTimezone,
			MaxFuture: t.MaxFuture, InternalUserIDs: t.InternalUserIDs, InternalEmailDomains: t.InternalEmailDomains,
			UnknownAction: string(t.UnknownAction),
		},
		Piano: Piano{
			BaseURL: a.BaseURL, ReportsURL: a.ReportsURL, PageSize: a.PageSize, Rate: a.Rate, Timeout: a.Timeout,
			Retry: APIRetry{Initial: a.Retry.Initial, Max: a.Retry.Max, Attempts: a.Retry.Attempts},
		},
		Reconcile: Reconcile{
			Interval: 24 * time.Hour, Settle: r.Settle, Keep: r.Keep, DynamicCancel: r.DynamicCancel,
			StartedAtTolerance: r.StartedAtTolerance, Verify: r.Verify,
		},
		HTTP:     HTTP{Listen: defaultListen},
		Log:      Log{Level: "info", Format: "json"},
		Shutdown: Shutdown{Timeout: k.DrainTimeout},
	}
}
