package consumer

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// Check reports whether a broker answers, accepts the login and has all topics.
// Its errors are ConnectErrors with a hint. It creates nothing, even when brokers
// auto-create topics. kafka.dial_timeout for each broker and
// kafka.request_timeout bound it.
func (c *Consumer) Check(ctx context.Context) error {
	counts, err := c.partitionCounts(ctx)
	if err != nil {
		return err
	}
	return c.missing(counts)
}

// missing returns an error that names the topics without partitions.
func (c *Consumer) missing(counts map[string]int) error {
	var names []string
	for _, topic := range c.cfg.Topics {
		if counts[topic] == 0 {
			names = append(names, topic)
		}
	}
	if len(names) > 0 {
		return missingTopics(names)
	}
	return nil
}

// partitionCounts returns the number of partitions of each topic, 0 for a missing
// topic.
func (c *Consumer) partitionCounts(ctx context.Context) (map[string]int, error) {
	response, err := c.metadata(ctx)
	if err != nil {
		return nil, err
	}
	return c.countPartitions(response)
}

func (c *Consumer) countPartitions(response *metadata.Response) (map[string]int, error) {
	counts := make(map[string]int, len(response.Topics))
	for _, topic := range response.Topics {
		switch code := kafka.Error(topic.ErrorCode); code {
		case 0, kafka.LeaderNotAvailable: // a topic that is being created has no leader
			counts[topic.Name] = len(topic.Partitions)
		case kafka.UnknownTopicOrPartition:
			counts[topic.Name] = 0
		case kafka.TopicAuthorizationFailed:
			return nil, &ConnectError{
				Reason: ErrNotAuthorized, Where: "topic " + topic.Name,
				Hint: "allow this login to READ and DESCRIBE it",
			}
		default:
			return nil, c.explain(code)
		}
	}
	return counts, nil
}

// explain turns a failure to reach a broker into a ConnectError. It names the broker
// that failed: that need not be one of kafka.brokers.
func (c *Consumer) explain(err error) error {
	var done *ConnectError
	if err == nil || errors.As(err, &done) {
		return err
	}
	at, advertised := strings.Join(c.cfg.Brokers, ", "), false
	if address, named := addressOf(err); address != "" && !slices.Contains(c.cfg.Brokers, address) {
		at, advertised = address, named
	}
	switch classify(err) {
	case KindTLS:
		return &ConnectError{
			Reason: ErrTLS, Where: at, Err: err,
			Hint: "check that kafka.tls and its certificates fit the brokers' listener",
		}
	case KindLogin:
		return &ConnectError{
			Reason: ErrLogin, Where: at,
			Hint: "check kafka.sasl: mechanism, user and password",
		}
	case KindNotAuthorized:
		return &ConnectError{
			Reason: ErrNotAuthorized, Where: "group " + c.cfg.Group,
			Hint: "allow this login to READ the group, and to READ and DESCRIBE the topics", Err: err,
		}
	}
	if c.login != nil && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		// Kafka answers a bad login with a code; other brokers close the connection.
		return &ConnectError{
			Reason: ErrLogin, Where: at, Err: err,
			Hint: "the broker closed the connection during the login: check kafka.sasl, then kafka.tls and the listener",
		}
	}
	hint := "check kafka.brokers, the network, and that the listener is for clients"
	if advertised {
		hint = "the cluster advertises this address (advertised.listeners): it must be reachable from here; check the network and the name"
	}
	if c.cfg.TLS == nil {
		hint += "; a listener that requires TLS (kafka.tls) or a login (kafka.sasl) closes the connection in the same way"
	} else {
		hint += "; a listener without TLS (kafka.tls) also does not answer, or closes the connection"
	}
	return &ConnectError{Reason: ErrUnreachable, Where: at, Hint: hint, Err: err}
}
