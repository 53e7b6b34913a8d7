package consumer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// exchange is a request that uses a connection of kafka-go's transport directly.
// It is not answered from the transport's metadata cache, not split or merged,
// and it ends with its context. The transport itself would hold the connection
// until the broker answers.
type exchange struct {
	ctx     context.Context
	client  string
	body    protocol.Message
	version int16 // negotiated, set by Required
	read    func(r io.Reader, version int16) error
}

// emptyResponse is what an exchange returns to the transport. read has the
// response.
type emptyResponse struct{ api protocol.ApiKey }

func (a emptyResponse) ApiKey() protocol.ApiKey { return a.api }

// ApiKey implements protocol.Message.
func (e *exchange) ApiKey() protocol.ApiKey { return e.body.ApiKey() }

// Required implements protocol.RawExchanger. It is always true, and it receives
// the API versions of the connection.
func (e *exchange) Required(versions map[protocol.ApiKey]int16) bool {
	e.version = versions[e.ApiKey()]
	return true
}

// correlation is the id of every request: a connection of the transport has one
// request at a time.
const correlation = 1

var errCorrelation = errors.New("broker answered another request")

// RawExchange implements protocol.RawExchanger.
func (e *exchange) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	stop := func() bool { return true }
	if conn, ok := rw.(interface{ SetDeadline(time.Time) error }); ok {
		stop = context.AfterFunc(e.ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
		defer stop()
	}
	if err := protocol.WriteRequest(rw, e.version, correlation, e.client, e.body); err != nil {
		return nil, err
	}
	if err := e.read(rw, e.version); err != nil {
		return nil, err
	}
	// After the context has ended the connection has a deadline, or is about to
	// get one. An error keeps it out of the transport's pool.
	if !stop() {
		return nil, e.ctx.Err()
	}
	return emptyResponse{e.ApiKey()}, nil
}

// toLeader is an exchange with the leader of one partition.
type toLeader struct {
	exchange
	topic     string
	partition int32
	leader    string // address of the last one, set by Broker
}

func (l *toLeader) address() string { return l.leader }

// Broker implements protocol.BrokerMessage.
func (l *toLeader) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	topic, ok := cluster.Topics[l.topic]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoTopic(l.topic)
	}
	partition, ok := topic.Partitions[l.partition]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoPartition(l.topic, l.partition)
	}
	leader, ok := cluster.Brokers[partition.Leader]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoLeader(l.topic, l.partition)
	}
	l.leader = net.JoinHostPort(leader.Host, strconv.Itoa(int(leader.Port)))
	return leader, nil
}

// readInto decodes a response with kafka-go's decoder into *to.
func readInto[T protocol.Message](api protocol.ApiKey, to *T) func(io.Reader, int16) error {
	return func(r io.Reader, version int16) error {
		id, message, err := protocol.ReadResponse(r, api, version)
		if err != nil {
			return err
		}
		response, ok := message.(T)
		if id != correlation || !ok {
			return errCorrelation
		}
		*to = response
		return nil
	}
}

// roundTrip sends a request that stores its own response. ctx bounds it, with
// dialing.
func (c *Consumer) roundTrip(ctx context.Context, request protocol.Message) error {
	_, err := c.transport.RoundTrip(ctx, c.addr, request)
	if errors.Is(err, protocol.ErrNoTopic) {
		// It returns this also when no broker has answered yet. The answer to
		// this request comes from the cache and has the reason.
		if _, reason := c.transport.RoundTrip(ctx, c.addr, &metadata.Request{TopicNames: c.cfg.Topics}); reason != nil {
			err = reason
		}
	}
	if err != nil {
		if to, is := request.(interface{ address() string }); is {
			err = atBroker(to.address(), err)
		}
		return fmt.Errorf("ask kafka: %w", err)
	}
	return nil
}
