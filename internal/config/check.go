package config

import (
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/promo/segment"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// Check returns the configuration, or an *Error with every mistake in the given
// sections (without arguments: in all sections). Unknown keys and an unreadable file
// are mistakes for every caller.
func (l *Loaded) Check(sections ...string) (Config, error) {
	if l.interrupted != nil {
		return Config{}, l.interrupted
	}
	wants := func(names ...string) bool {
		return len(sections) == 0 || !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(sections, name) })
	}
	found := slices.DeleteFunc(l.mistakes(wants), func(one Problem) bool {
		_, known := l.byKey[one.Key]
		return known && (!wants(sectionOf(one.Key)) || l.follows(one.Key))
	})
	if len(found) > 0 {
		return Config{}, &Error{Problems: found}
	}
	return l.config, nil
}

// mistakes returns those of loading and those that the checks of the wanted sections find.
func (l *Loaded) mistakes(wants func(sections ...string) bool) []Problem {
	c, p := l.config, l.problems.clone()
	for _, one := range []struct {
		sections []string
		check    func(*problems)
	}{
		{[]string{"shutdown"}, c.checkShutdown},
		{[]string{"kafka"}, c.checkKafka},
		{[]string{"clickhouse"}, c.checkClickHouse},
		{[]string{"batch", "consumer"}, c.checkPipeline},
		{[]string{"transform"}, func(p *problems) { p.addErrors(c.TransformConfig().Validate()) }},
		{[]string{"piano"}, c.checkPiano},
		{[]string{"reconcile"}, c.checkReconcile},
		{[]string{"promo"}, c.checkPromo},
		{[]string{"replay"}, c.checkReplay},
		{[]string{"erasure"}, c.checkErasure},
		{[]string{"console"}, c.checkConsole},
		{[]string{"analytics"}, c.checkAnalytics},
		{[]string{"clickhouse", "export"}, c.checkExport},
		{[]string{"http"}, c.checkHTTP},
		{[]string{"log"}, c.checkLog},
		{[]string{"kafka", "clickhouse", "batch", "transform", "shutdown"}, c.checkTogether},
	} {
		if wants(one.sections...) {
			one.check(p)
		}
	}
	return p.list
}

// follows reports whether a mistake may be a consequence of an unreadable file, because
// no other source has set the key.
func (l *Loaded) follows(key string) bool { return l.unread && l.origins[key].kind == "" }

func (c Config) checkKafka(p *problems) {
	checkAddresses(p, "kafka.brokers", c.Kafka.Brokers, "kafka-1:9092", "kafka.sasl")
	k := c.ConsumerConfig()
	if k.DrainTimeout <= 0 {
		k.DrainTimeout = time.Second // reported as shutdown.timeout
	}
	p.addErrors(k.Validate())
	if c.Kafka.SessionTimeout >= c.Kafka.RebalanceTimeout {
		p.add("kafka.session_timeout", "%v is not shorter than kafka.rebalance_timeout (%v): a dead member would delay every rebalance",
			c.Kafka.SessionTimeout, c.Kafka.RebalanceTimeout)
	}
}

func (c Config) checkClickHouse(p *problems) {
	checkAddresses(p, "clickhouse.addr", c.ClickHouse.Addr, "clickhouse:9000", "clickhouse.user and clickhouse.password_file")
	if err := (schemas.Options{Database: c.ClickHouse.Database}).Validate(); err != nil {
		p.unreadable("clickhouse.database", "%v", err)
	}
	p.addErrors(c.SinkConfig().Validate())
}

func (c Config) checkPipeline(p *problems) {
	p.addErrors(c.PipelineConfig().Validate())
	if name := c.Consumer.Instance; name == "" || len(name) > 200 || strings.ContainsFunc(name, unicode.IsControl) {
		p.add("consumer.instance", "is not a name of 1 to 200 printable characters")
	}
}

func (c Config) checkPiano(p *problems) {
	for _, u := range []struct{ key, value string }{{"piano.base_url", c.Piano.BaseURL}, {"piano.reports_url", c.Piano.ReportsURL}} {
		parsed, err := url.Parse(u.value)
		switch {
		case err != nil || parsed.Host == "" || (parsed.Scheme != "https" && parsed.Scheme != "http"):
			p.unreadable(u.key, "is not a URL such as https://api.piano.io/api/v3")
		case parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "":
			p.unreadable(u.key, "contains a login or parameters; use piano.api_token_file for the token")
		case parsed.Scheme == "http" && !loopback(parsed.Host):
			p.add(u.key, "is http, which sends the token unencrypted; use https")
		}
	}
	p.addErrors(c.PianoConfig().Validate())
	if c.Piano.APIToken != "" && c.Piano.AID == "" {
		p.add("piano.aid", "is empty although piano.api_token is set")
	}
	if c.Piano.APIToken != "" && strings.ContainsFunc(c.Piano.APIToken.Reveal(), unicode.IsControl) {
		p.add("piano.api_token", "contains a control character and cannot be sent in a header")
	}
}

func (c Config) checkReconcile(p *problems) {
	if i := c.Reconcile.Interval; i != 0 && i < time.Minute {
		p.add("reconcile.interval", "%v is shorter than 1m; use 0 to disable the schedule", i)
	}
	p.addErrors(c.ReconcileConfig().Validate())
}

func (c Config) checkPromo(p *problems) {
	if i := c.Promo.Interval; i != 0 && i < time.Minute {
		p.add("promo.interval", "%v is shorter than 1m; use 0 to disable the schedule", i)
	}
	first := map[string]int{}
	for i, text := range c.Promo.Segments {
		r, err := segment.Parse(text)
		switch {
		case err != nil:
			p.add("promo.segments", "segment %d: %s", i+1, strings.ReplaceAll(err.Error(), "\n", "; "))
		case first[r.String()] > 0:
			p.add("promo.segments", "segment %d: is segment %d again", i+1, first[r.String()])
		default:
			first[r.String()] = i + 1
		}
	}
}

func (c Config) checkAnalytics(p *problems) {
	if _, err := transform.LoadZone(c.Analytics.Timezone); err != nil {
		p.add("analytics.timezone", "%v", err)
	}
}

// maxHeartbeat keeps the wait for an interrupted job bearable.
const maxHeartbeat = 10 * time.Minute

func (c Config) checkReplay(p *problems) {
	if h := c.Replay.Heartbeat; h < 10*time.Millisecond || h > maxHeartbeat {
		p.add("replay.heartbeat", "%v is not between 10ms and %v", h, maxHeartbeat)
	}
}

// maxRefresh keeps the wait of an erasure bearable.
const maxRefresh = 10 * time.Minute

func (c Config) checkErasure(p *problems) {
	if r := c.Erasure.Refresh; r < 10*time.Millisecond || r > maxRefresh {
		p.add("erasure.refresh", "%v is not between 10ms and %v", r, maxRefresh)
	}
	if n := len(c.Erasure.Key.Reveal()); n > 0 && n < transform.MinSuppressionKey {
		p.unreadable("erasure.key", "is shorter than %d characters; make one with: openssl rand -hex 32", transform.MinSuppressionKey)
	}
	for i, key := range c.Erasure.OldKeys {
		if len(key.Reveal()) < transform.MinSuppressionKey {
			p.unreadable("erasure.old_keys", "key %d is shorter than %d characters", i+1, transform.MinSuppressionKey)
		}
	}
	if len(c.Erasure.OldKeys) > 0 && c.Erasure.Key == "" {
		p.add("erasure.key", "is empty although erasure.old_keys is set; it is the key of new entries")
	}
}

func (c Config) checkExport(p *problems) {
	checkAddresses(p, "export.clickhouse_addr", c.Export.ClickHouseAddr, "clickhouse:8123", "clickhouse.user and clickhouse.password_file")
	p.addErrors(c.ExportConfig().Validate())
	if c.Export.Overlap < c.ClickHouse.InsertTimeout {
		p.add("export.overlap", "%v is shorter than clickhouse.insert_timeout (%v): an export since the last one could miss rows",
			c.Export.Overlap, c.ClickHouse.InsertTimeout)
	}
	seen := map[string]int{}
	for i, text := range c.Export.Schedule {
		one, err := export.ParseScheduled(text, time.Now())
		if err != nil {
			p.add("export.schedule", "export %d: %s", i+1, strings.ReplaceAll(err.Error(), "\n", "; "))
			continue
		}
		id := one.View.Alias + " " + string(one.Format) + " " + one.To()
		if first, twice := seen[id]; twice {
			p.add("export.schedule", "export %d: has the view, the format and the destination of export %d; metrics could not tell them apart", i+1, first)
		}
		seen[id] = i + 1
	}
}

func (c Config) checkHTTP(p *problems) {
	if mistake := listenMistake(c.HTTP.Listen); mistake != "" {
		p.add("http.listen", "%s; use host:port such as %s", mistake, defaultListen)
	}
}

func (c Config) checkLog(p *problems) {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		p.add("log.level", "is not one of debug, info, warn, error")
	}
	if !slices.Contains([]string{"auto", "json", "console"}, c.Log.Format) {
		p.add("log.format", "is not one of auto, json, console")
	}
}

// maxShutdown is far above any insert.
const maxShutdown = time.Hour

func (c Config) checkShutdown(p *problems) {
	if c.Shutdown.Timeout <= 0 || c.Shutdown.Timeout > maxShutdown {
		p.unreadable("shutdown.timeout", "%v is not between 0 and 1h", c.Shutdown.Timeout)
	}
}

// checkTogether has the rules between settings of independent packages.
func (c Config) checkTogether(p *problems) {
	insert, rebalance := c.ClickHouse.InsertTimeout, c.Kafka.RebalanceTimeout
	if insert > rebalance/2 {
		p.add("clickhouse.insert_timeout", "%v is more than half of kafka.rebalance_timeout (%v): a slow insert would lose group membership",
			insert, rebalance)
	}
	if c.Shutdown.Timeout < insert {
		p.add("shutdown.timeout", "%v is shorter than clickhouse.insert_timeout (%v): an active insert could not finish",
			c.Shutdown.Timeout, insert)
	}
	if c.Batch.MaxBytes < c.Transform.MaxMessageBytes {
		p.add("batch.max_bytes", "%v is less than transform.max_message_bytes (%v): one message might not fit",
			c.Batch.MaxBytes, c.Transform.MaxMessageBytes)
	}
}

// loopback reports whether an address, with or without a port, is on this machine.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// Database returns only clickhouse.database, for commands without a connection. They
// need no other setting of the section. Unknown keys are still mistakes.
func (l *Loaded) Database() (string, error) {
	if l.interrupted != nil {
		return "", l.interrupted
	}
	p := l.problems.clone()
	if err := (schemas.Options{Database: l.config.ClickHouse.Database}).Validate(); err != nil {
		p.unreadable("clickhouse.database", "%v", err)
	}
	found := slices.DeleteFunc(p.list, func(one Problem) bool {
		_, known := l.byKey[one.Key]
		return known && one.Key != "clickhouse.database"
	})
	if len(found) > 0 {
		return "", &Error{Problems: found}
	}
	return l.config.ClickHouse.Database, nil
}
