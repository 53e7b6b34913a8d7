package consumer

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"
)

// LogForeignMember is the warning about another application in the group. It takes
// partitions and commits offsets of messages that this service has not read.
const LogForeignMember = "another application uses kafka.group"

// maxClientIDs is how many client ids of other members are named.
const maxClientIDs = 5

// foreignMembers returns the client ids of the group's members that differ from
// kafka.client_id, each once. Kafka has no other mark of an application.
func (c *Consumer) foreignMembers(ctx context.Context) ([]string, error) {
	state, err := c.describe(ctx)
	if err != nil {
		return nil, err
	}
	var foreign []string
	for _, m := range state.Members {
		if m.Foreign && !slices.Contains(foreign, m.ClientID) {
			foreign = append(foreign, m.ClientID)
		}
	}
	slices.Sort(foreign)
	return foreign, nil
}

// warnForeign logs other applications in the group. Errors are not important here.
func (c *Consumer) warnForeign(ctx context.Context) {
	foreign, err := c.foreignMembers(ctx)
	switch {
	case err != nil:
		c.log.Debug("members of the group unknown", zap.Error(err))
	case len(foreign) > 0:
		c.log.Warn(LogForeignMember, zap.String("group", c.cfg.Group), zap.Strings("client_ids", foreign[:min(len(foreign), maxClientIDs)]),
			zap.String("hint", "members with another client id take partitions from this service and commit for it; "+
				"give each application a group of its own"))
	}
}

// explainProtocol is the error of a join that the group refused, because its members
// support no common protocol. A cooperative consumer is the usual cause.
func (c *Consumer) explainProtocol(ctx context.Context, err error) error {
	who := "its members support another protocol (a cooperative consumer, for example)"
	if foreign, failed := c.foreignMembers(ctx); failed == nil && len(foreign) > 0 {
		who = "its members have the client ids " + strings.Join(foreign[:min(len(foreign), maxClientIDs)], ", ")
	}
	return &ConnectError{
		Reason: ErrForeignMember, Where: "group " + c.cfg.Group, Err: err,
		Hint: who + "; give each application a group of its own",
	}
}

// isForeignProtocol reports whether a join failed because of the other members.
func isForeignProtocol(err error) bool { return errors.Is(err, kafka.InconsistentGroupProtocol) }
