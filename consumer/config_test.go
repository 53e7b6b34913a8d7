package consumer_test

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
)

func TestConfig_Validate(t *testing.T) {
	good := consumer.Defaults()
	good.Brokers, good.Group = []string{"kafka.example.com:9092"}, "pianola"
	if err := good.Validate(); err != nil {
		t.Fatalf("the defaults with brokers and a group: %v", err)
	}

	t.Run("reports_everything_at_once", func(t *testing.T) {
		err := consumer.Config{}.Validate()
		for _, key := range []string{
			"brokers", "topics", "group", "isolation", "rebalance_timeout", "session_timeout", "heartbeat_interval",
			"drain_timeout", "metadata_interval", "fetch_max_wait", "dial_timeout", "request_timeout", "fetch_max_bytes", "fetch_min_bytes",
		} {
			if err == nil || !strings.Contains(err.Error(), "kafka."+key+":") {
				t.Errorf("kafka.%s is not named in: %v", key, err)
			}
		}
	})

	for name, test := range map[string]struct {
		change func(*consumer.Config)
		key    string
	}{
		"broker_without_port":       {func(c *consumer.Config) { c.Brokers = []string{"kafka.example.com"} }, "kafka.brokers"},
		"topic_twice":               {func(c *consumer.Config) { c.Topics = []string{"a", "a"} }, "kafka.topics"},
		"topic_with_a_space":        {func(c *consumer.Config) { c.Topics = []string{"a b"} }, "kafka.topics"},
		"topic_that_is_too_long":    {func(c *consumer.Config) { c.Topics = []string{strings.Repeat("a", 250)} }, "kafka.topics"},
		"unknown_isolation":         {func(c *consumer.Config) { c.Isolation = "dirty" }, "kafka.isolation"},
		"heartbeat_too_slow":        {func(c *consumer.Config) { c.HeartbeatInterval = c.SessionTimeout }, "kafka.heartbeat_interval"},
		"wait_without_end":          {func(c *consumer.Config) { c.FetchMaxWait = 1000 * time.Hour }, "kafka.fetch_max_wait"},
		"unknown_mechanism":         {func(c *consumer.Config) { c.SASL.Mechanism = "gssapi" }, "kafka.sasl.mechanism"},
		"password_missing":          {func(c *consumer.Config) { c.SASL = consumer.SASL{Mechanism: "plain", User: "u"} }, "kafka.sasl.password"},
		"password_without_use":      {func(c *consumer.Config) { c.SASL.Password = "p-of-nobody" }, "kafka.sasl.mechanism"},
		"minimum_above_the_maximum": {func(c *consumer.Config) { c.FetchMinBytes = c.FetchMaxBytes + 1 }, "kafka.fetch_min_bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			test.change(&cfg)
			err := cfg.Validate()
			if err == nil || !strings.Contains(err.Error(), test.key+":") {
				t.Fatalf("got %v, want it to name %s", err, test.key)
			}
			if strings.Contains(err.Error(), "p-of-nobody") {
				t.Fatalf("%v holds the password", err)
			}
			if _, err := consumer.New(cfg, zap.NewNop(), consumer.Hooks{}); err == nil {
				t.Fatal("New takes it")
			}
		})
	}
}
