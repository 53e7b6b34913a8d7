package config

import (
	"crypto/tls"
	"time"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/reconcile"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/suppression"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// Config holds every setting. The struct tags define each key: koanf is its name,
// help its description in help texts and in docs/configuration.md, values the
// closed set that it accepts.
type Config struct {
	Kafka      Kafka      `koanf:"kafka" help:"The source: brokers, topics and the consumer group."`
	ClickHouse ClickHouse `koanf:"clickhouse" help:"The destination: servers, login and insert behaviour."`
	Batch      Batch      `koanf:"batch" help:"Limits of one insert. The first limit that is reached flushes the batch."`
	Consumer   Consumer   `koanf:"consumer" help:"Behaviour of this process as a consumer."`
	Transform  Transform  `koanf:"transform" help:"How messages are decoded, normalised and filtered."`
	Piano      Piano      `koanf:"piano" help:"Piano's publisher API, for reconciliation and subscription actions."`
	Reconcile  Reconcile  `koanf:"reconcile" help:"Comparison of the stream with Piano's API. It is disabled without piano.api_token."`
	Replay     Replay     `koanf:"replay" help:"Jobs that read messages again: pianola replay."`
	Analytics  Analytics  `koanf:"analytics" help:"Metrics of the business. pianola migrate applies a change."`
	Promo      Promo      `koanf:"promo" help:"Segments and promo codes: pianola promo."`
	Export     Export     `koanf:"export" help:"Views as files, by pianola export and on a schedule."`
	Erasure    Erasure    `koanf:"erasure" help:"The suppression list of erased people: pianola erase. All processes have the same key."`
	Console    Console    `koanf:"console" help:"The web pages of pianola console: their address and the login."`
	HTTP       HTTP       `koanf:"http" help:"Health and metrics endpoints."`
	Log        Log        `koanf:"log" help:"Logs, which go to standard error."`
	Shutdown   Shutdown   `koanf:"shutdown" help:"Graceful shutdown."`
}

// Kafka is the source of messages.
type Kafka struct {
	Brokers           []string      `koanf:"brokers" help:"host:port of one or more bootstrap brokers (required)"`
	Topics            []string      `koanf:"topics" help:"topics to consume"`
	Group             string        `koanf:"group" help:"consumer group"`
	ClientID          string        `koanf:"client_id" help:"client id in broker logs and quotas"`
	Isolation         string        `koanf:"isolation" values:"read_committed,read_uncommitted" help:"isolation level of reads"`
	RebalanceTimeout  time.Duration `koanf:"rebalance_timeout" help:"maximum time for members to rejoin during a rebalance"`
	SessionTimeout    time.Duration `koanf:"session_timeout" help:"consumer group session timeout"`
	HeartbeatInterval time.Duration `koanf:"heartbeat_interval" help:"heartbeat interval"`
	MetadataInterval  time.Duration `koanf:"metadata_interval" help:"interval of checks for new partitions"`
	FetchMaxBytes     Size          `koanf:"fetch_max_bytes" help:"maximum bytes per fetch response; all responses together are bounded to 32 MiB"`
	FetchMinBytes     Size          `koanf:"fetch_min_bytes" help:"minimum bytes per fetch response"`
	FetchMaxWait      time.Duration `koanf:"fetch_max_wait" help:"maximum time a broker waits for kafka.fetch_min_bytes"`
	DialTimeout       time.Duration `koanf:"dial_timeout" help:"timeout of a connection attempt"`
	RequestTimeout    time.Duration `koanf:"request_timeout" help:"timeout of a request"`
	TLS               TLS           `koanf:"tls"`
	SASL              SASL          `koanf:"sasl"`
}

// SASL is the login to the brokers.
type SASL struct {
	Mechanism    string `koanf:"mechanism" values:"plain,scram-sha-256,scram-sha-512" help:"SASL mechanism; empty means no login"`
	User         string `koanf:"user" help:"SASL user"`
	Password     Secret `koanf:"password" help:"SASL password"`
	PasswordFile string `koanf:"password_file" help:"file that contains the SASL password"`
}

// TLS configures encryption and certificates of a connection.
type TLS struct {
	Enabled    bool   `koanf:"enabled" help:"use TLS"`
	CAFile     string `koanf:"ca_file" help:"trusted CA certificates (PEM); empty for the system's"`
	CertFile   string `koanf:"cert_file" help:"client certificate (PEM)"`
	KeyFile    string `koanf:"key_file" help:"private key of the client certificate (PEM)"`
	ServerName string `koanf:"server_name" help:"expected name in the server certificate; empty for the host name"`

	// current returns the configuration of the next connection, with the certificates
	// that the files contain then; nil when not enabled.
	current func() *tls.Config
}

// ClickHouse is the destination of rows.
type ClickHouse struct {
	Addr          []string      `koanf:"addr" help:"host:port of one or more servers, tried in order (required)"`
	Protocol      string        `koanf:"protocol" values:"native,http" help:"wire protocol"`
	Database      string        `koanf:"database" help:"database of the tables and views"`
	User          string        `koanf:"user" help:"user"`
	Password      Secret        `koanf:"password" help:"password"`
	PasswordFile  string        `koanf:"password_file" help:"file that contains the password"`
	Compression   string        `koanf:"compression" values:"lz4,none" help:"compression of inserts"`
	InsertTimeout time.Duration `koanf:"insert_timeout" help:"timeout of one insert attempt"`
	DialTimeout   time.Duration `koanf:"dial_timeout" help:"timeout of a connection attempt"`
	Retry         Retry         `koanf:"retry"`
	TLS           TLS           `koanf:"tls"`
}

// Retry is the backoff between attempts.
type Retry struct {
	Initial time.Duration `koanf:"initial" help:"pause before the second attempt"`
	Max     time.Duration `koanf:"max" help:"maximum pause between attempts"`
}

// Batch limits one insert.
type Batch struct {
	MaxRows  int           `koanf:"max_rows" help:"maximum messages per batch"`
	MaxBytes Size          `koanf:"max_bytes" help:"maximum uncompressed bytes per batch"`
	MaxWait  time.Duration `koanf:"max_wait" help:"maximum age of the oldest message in a batch"`
}

// Consumer is the behaviour of the process as a consumer.
type Consumer struct {
	OnDataLoss string `koanf:"on_data_loss" values:"fail,continue" help:"reaction when messages disappear before they are read"`
	Instance   string `koanf:"instance" help:"name of this process in the ledger and in logs"`
}

// Transform configures the stages (contract §1 and §2).
type Transform struct {
	MaxMessageBytes      Size              `koanf:"max_message_bytes" help:"maximum message size; larger messages are dead-lettered"`
	FieldAliases         map[string]string `koanf:"field_aliases" help:"alternative field names, as alias:field,…"`
	SourceTimezone       string            `koanf:"source_timezone" help:"IANA time zone of timestamps without an offset"`
	MaxFuture            time.Duration     `koanf:"max_future" help:"how far in the future an event timestamp may be"`
	InternalUserIDs      []string          `koanf:"internal_user_ids" help:"user ids whose events are filtered"`
	InternalEmailDomains []string          `koanf:"internal_email_domains" help:"email domains whose users' events are filtered"`
	UnknownAction        string            `koanf:"unknown_action" values:"keep,dead_letter,drop" help:"treatment of events with an unknown action"`
	ActionSynonyms       map[string]string `koanf:"action_synonyms" help:"further texts of the canonical actions, as text:action,…"`
}

// Analytics is what the metrics of the business depend on.
type Analytics struct {
	Timezone string `koanf:"timezone" help:"IANA time zone of the days and months of metrics"`
}

// Piano is the publisher's API.
type Piano struct {
	BaseURL      string        `koanf:"base_url" help:"URL of the publisher API in your region"`
	ReportsURL   string        `koanf:"reports_url" help:"URL of the reports API"`
	AID          string        `koanf:"aid" help:"application id; required with a token"`
	APIToken     Secret        `koanf:"api_token" help:"token of the publisher API"`
	APITokenFile string        `koanf:"api_token_file" help:"file that contains the token; read again after Piano has rejected it"`
	PageSize     int           `koanf:"page_size" help:"subscriptions per page"`
	Rate         float64       `koanf:"rate" help:"maximum requests per second"`
	Timeout      time.Duration `koanf:"timeout" help:"timeout of a request"`
	Retry        APIRetry      `koanf:"retry"`
}

// APIRetry is the backoff of API requests. Unlike inserts they have a last
// attempt, because the next run reads the same data.
type APIRetry struct {
	Initial  time.Duration `koanf:"initial" help:"pause before the second attempt, unless the API sends Retry-After"`
	Max      time.Duration `koanf:"max" help:"maximum pause between attempts"`
	Attempts int           `koanf:"attempts" help:"maximum attempts per request"`
}

// Reconcile is the comparison with Piano's API; it is disabled without a token.
type Reconcile struct {
	Interval           time.Duration `koanf:"interval" help:"time between scheduled reconciliations; 0 disables the schedule"`
	Settle             time.Duration `koanf:"settle" help:"maximum delay between an event and its message"`
	Keep               int           `koanf:"keep" help:"complete snapshots to keep"`
	DynamicCancel      string        `koanf:"dynamic_cancel" values:"immediate,deferred" help:"how Piano cancels dynamic subscriptions"`
	StartedAtTolerance time.Duration `koanf:"started_at_tolerance" help:"largest difference of stream and API timestamps that counts as equal"`
	Verify             int           `koanf:"verify" help:"maximum differing subscriptions per run that are read from the API again"`
}

// Replay is about jobs that read messages again.
type Replay struct {
	Heartbeat time.Duration `koanf:"heartbeat" help:"interval of a job's heartbeats; without four of them it counts as interrupted; the same for all processes"`
}

// Promo is what pianola run does for promo codes.
type Promo struct {
	Interval    time.Duration `koanf:"interval" help:"time between two materialisations of promo.segments, and two reads for promo.conversions; 0 disables both"`
	Segments    []string      `koanf:"segments" help:"segments that pianola run materialises, such as ended?days=30; pianola promo segment list shows all"`
	Conversions bool          `koanf:"conversions" help:"read promotions and redeemed promo codes from Piano; Piano asks to be informed of such reads"`
}

// Export is views as files. ClickHouse makes the files, over its HTTP interface.
type Export struct {
	ClickHouseAddr []string      `koanf:"clickhouse_addr" help:"host:port of the HTTP interface of one or more servers"`
	Overlap        time.Duration `koanf:"overlap" help:"how far an export since the last one goes back before its watermark, for differences between clocks"`
	Schedule       []string      `koanf:"schedule" help:"exports that pianola run repeats: the arguments of pianola export and --every, such as traits --to /exports --format csv --every 24h"`
}

// Erasure is the list of people whose messages are dropped.
type Erasure struct {
	Key         Secret        `koanf:"key" help:"key of the hashes on the suppression list, at least 32 characters; needed by pianola erase, and by every process once the list has entries"`
	KeyFile     string        `koanf:"key_file" help:"file that contains the key"`
	OldKeys     Secrets       `koanf:"old_keys" help:"earlier keys, of which the list still has entries; pianola erase writes with erasure.key alone"`
	OldKeysFile string        `koanf:"old_keys_file" help:"file that contains the earlier keys, one a line"`
	Refresh     time.Duration `koanf:"refresh" help:"how old the suppression list of a process may be when it writes; the same for all processes"`
}

// Console is the web server of the pages.
type Console struct {
	Listen           string            `koanf:"listen" help:"host:port of the pages; another address than loopback needs console.auth"`
	PublicURL        string            `koanf:"public_url" help:"URL of the pages as browsers see it; needed when it is not http:// and console.listen"`
	Auth             string            `koanf:"auth" values:"none,basic,header,oidc" help:"login; none is for loopback addresses only, and read-only"`
	Roles            map[string]string `koanf:"roles" help:"roles of groups as group:role,…; a group may have several roles, as care+promo; of basic the user is the group"`
	HtpasswdFile     string            `koanf:"htpasswd_file" help:"users of basic: a file of htpasswd with bcrypt hashes"`
	HeaderUser       string            `koanf:"header_user" help:"header in which the proxy sends the user"`
	HeaderGroups     string            `koanf:"header_groups" help:"header in which the proxy sends the groups, with commas between them"`
	HeaderTrusted    []string          `koanf:"header_trusted" help:"addresses of the proxies of header, as networks such as 10.0.0.0/8"`
	OIDCIssuer       string            `koanf:"oidc_issuer" help:"URL of the identity provider"`
	OIDCClientID     string            `koanf:"oidc_client_id" help:"client id at the identity provider"`
	OIDCClientSecret Secret            `koanf:"oidc_client_secret" help:"client secret at the identity provider"`
	OIDCSecretFile   string            `koanf:"oidc_client_secret_file" help:"file that contains the client secret"`
	OIDCGroupsClaim  string            `koanf:"oidc_groups_claim" help:"claim of the id token with the groups"`
	SessionKey       Secret            `koanf:"session_key" help:"key of the session cookies, at least 32 characters, the same for all processes; empty for a new one at each start"`
	SessionKeyFile   string            `koanf:"session_key_file" help:"file that contains the key of the session cookies"`
	Rate             float64           `koanf:"rate" help:"maximum requests per second from one address"`
	CertFile         string            `koanf:"cert_file" help:"certificate of the pages (PEM); empty for plain HTTP"`
	KeyFile          string            `koanf:"key_file" help:"private key of the certificate (PEM)"`
}

// HTTP is the health and metrics endpoint.
type HTTP struct {
	Listen string `koanf:"listen" help:"host:port of health and metrics"`
}

// Log configures logs on standard error.
type Log struct {
	Level  string `koanf:"level" values:"debug,info,warn,error" help:"minimum level"`
	Format string `koanf:"format" values:"auto,json,console" help:"log format; auto is console on a terminal and json otherwise"`
}

// Shutdown limits the end of the service.
type Shutdown struct {
	Timeout time.Duration `koanf:"timeout" help:"maximum time for the last flush and commit"`
}

// The usual addresses are of loopback, because the pages have no login then. The ports are
// not 8080, which another program on a developer's machine often uses.
const (
	defaultListen        = "127.0.0.1:8095"
	defaultConsoleListen = "127.0.0.1:8096"
	defaultConsoleRate   = 50 // requests a second: generous for a person with several windows
)

// Defaults come from the packages that the settings configure. Brokers and
// ClickHouse addresses have no default: a wrong guess would send data to the wrong
// place.
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
			UnknownAction: string(t.UnknownAction), ActionSynonyms: t.ActionSynonyms,
		},
		Piano: Piano{
			BaseURL: a.BaseURL, ReportsURL: a.ReportsURL, PageSize: a.PageSize, Rate: a.Rate, Timeout: a.Timeout,
			Retry: APIRetry{Initial: a.Retry.Initial, Max: a.Retry.Max, Attempts: a.Retry.Attempts},
		},
		Reconcile: Reconcile{
			Interval: 24 * time.Hour, Settle: r.Settle, Keep: r.Keep, DynamicCancel: r.DynamicCancel,
			StartedAtTolerance: r.StartedAtTolerance, Verify: r.Verify,
		},
		Replay:  Replay{Heartbeat: job.DefaultHeartbeat},
		Promo:   Promo{Interval: 6 * time.Hour},
		Export:  Export{Overlap: export.Defaults().Overlap},
		Erasure: Erasure{Refresh: suppression.DefaultRefresh},
		Console: Console{
			Listen: defaultConsoleListen, Auth: "none", HeaderUser: "X-Forwarded-User", HeaderGroups: "X-Forwarded-Groups",
			OIDCGroupsClaim: "groups", Rate: defaultConsoleRate,
		},
		HTTP:      HTTP{Listen: defaultListen},
		Log:       Log{Level: "info", Format: "auto"},
		Shutdown:  Shutdown{Timeout: k.DrainTimeout},
		Analytics: Analytics{Timezone: "UTC"},
	}
}
