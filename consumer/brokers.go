package consumer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// brokerError is a failure to use one broker, with its address. kafka-go often
// names none, and a cluster may advertise other addresses than kafka.brokers.
type brokerError struct {
	address string
	err     error
}

func (e *brokerError) Error() string { return fmt.Sprintf("broker %s: %v", e.address, e.err) }

func (e *brokerError) Unwrap() error { return e.err }

// atBroker adds the address of a broker to an error, once.
func atBroker(address string, err error) error {
	var known *brokerError
	if err == nil || address == "" || errors.As(err, &known) {
		return err
	}
	return &brokerError{address: address, err: err}
}

// addressOf is the address that failed, or empty. named reports that the address is as
// the configuration or the cluster gives it. Otherwise it is numeric, and may be that of
// any broker.
func addressOf(err error) (address string, named bool) {
	var known *brokerError
	if errors.As(err, &known) {
		return known.address, true
	}
	var network *net.OpError
	if errors.As(err, &network) && network.Addr != nil {
		return network.Addr.String(), false
	}
	return "", false
}

// Reached is what CheckBrokers has looked at.
type Reached struct {
	Topics      int
	Partitions  int
	Brokers     int    // that lead a partition or coordinate the group
	Coordinator string // the address of the group's
	Committed   int    // partitions of which the group has committed an offset
	// ForeignMembers are the client ids of other applications in the group.
	ForeignMembers []string
}

// CheckBrokers is Check, and also sends a request to the leader of every partition
// and to the coordinator of the group. A cluster advertises their addresses, and
// these may be unreachable from here although a broker of kafka.brokers answers.
// It reports all brokers that do not answer.
func (c *Consumer) CheckBrokers(ctx context.Context) (Reached, error) {
	response, err := c.metadata(ctx)
	if err != nil {
		return Reached{}, err
	}
	counts, err := c.countPartitions(response)
	if err == nil {
		err = c.missing(counts)
	}
	if err != nil {
		return Reached{}, err
	}
	r := Reached{Topics: len(response.Topics)}
	var all []Assignment
	ofLeader := map[int32]Assignment{} // one partition each
	var errs []error
	for _, topic := range response.Topics {
		for _, p := range topic.Partitions {
			r.Partitions++
			a := Assignment{Topic: topic.Name, Partition: p.PartitionIndex, Committed: -1}
			all = append(all, a)
			if p.LeaderID < 0 {
				errs = append(errs, &ConnectError{Reason: ErrUnreachable, Where: fmt.Sprintf("%s/%d", topic.Name, p.PartitionIndex),
					Hint: "the partition has no leader: check the cluster"})
				continue
			}
			ofLeader[p.LeaderID] = a
		}
	}
	reached := map[int32]bool{}
	for id, a := range ofLeader {
		reached[id] = true
		_, err := c.listOffset(ctx, a.Topic, a.Partition, earliest, ReadUncommitted)
		errs = append(errs, c.explain(err))
	}
	coordinator, address, err := c.coordinator(ctx)
	if err == nil {
		reached[coordinator], r.Coordinator = true, address
		err = atBroker(address, c.committed(ctx, all))
	}
	if err == nil {
		// It needs no other right than the group's offsets, and is not worth an error.
		r.ForeignMembers, _ = c.foreignMembers(ctx)
	}
	errs = append(errs, c.explain(err))
	r.Brokers = len(reached)
	for _, a := range all {
		if a.Committed >= 0 {
			r.Committed++
		}
	}
	return r, joined(errs)
}

// joined is errors.Join in one line for each address: a coordinator that is also a
// leader is reported once.
func joined(errs []error) error {
	var list []error
	var seen []string
	for _, err := range errs {
		if err == nil || slices.Contains(seen, err.Error()) {
			continue
		}
		seen, list = append(seen, err.Error()), append(list, err)
	}
	return errors.Join(list...)
}

// coordinator is the id and the advertised address of the group's coordinator. A
// cluster that is new creates the topic of offsets first, so it retries for
// kafka.request_timeout.
func (c *Consumer) coordinator(ctx context.Context) (id int32, address string, err error) {
	bounded, cancel := context.WithTimeout(ctx, c.transport.DialTimeout+c.cfg.RequestTimeout)
	defer cancel()
	pause := newPause()
	for {
		var response *findcoordinator.Response
		err = c.roundTrip(bounded, &exchange{
			ctx: bounded, client: c.cfg.ClientID, body: &findcoordinator.Request{Key: c.cfg.Group},
			read: readInto(protocol.FindCoordinator, &response),
		})
		if err == nil && response.ErrorCode == 0 {
			return response.NodeID, net.JoinHostPort(response.Host, strconv.Itoa(int(response.Port))), nil
		}
		if err == nil {
			err = kafka.Error(response.ErrorCode)
		}
		err = fmt.Errorf("find the coordinator of group %s: %w", c.cfg.Group, err)
		if classify(err) != KindCoordinator || pause.wait(bounded) != nil {
			return 0, "", err
		}
	}
}

// metadata returns the topics of the configuration and all brokers.
func (c *Consumer) metadata(ctx context.Context) (*metadata.Response, error) {
	layout := c.transport.current()
	ctx, cancel := context.WithTimeout(ctx, c.transport.DialTimeout+c.cfg.RequestTimeout)
	defer cancel()
	var response *metadata.Response
	err := c.roundTrip(ctx, &exchange{
		ctx: ctx, client: c.cfg.ClientID, body: &metadata.Request{TopicNames: c.cfg.Topics},
		read: readInto(protocol.Metadata, &response),
	})
	if err != nil {
		c.transport.forget(layout)
		return nil, c.explain(err)
	}
	return response, nil
}
