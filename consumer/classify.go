package consumer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// ErrorKind groups errors for metrics: a closed set of label values.
type ErrorKind string

// The kinds.
const (
	KindNetwork       ErrorKind = "network"        // no connection, or connection lost
	KindTimeout       ErrorKind = "timeout"        // the broker did not answer in time
	KindTLS           ErrorKind = "tls"            // see ErrTLS
	KindLogin         ErrorKind = "login"          // see ErrLogin
	KindNotAuthorized ErrorKind = "not_authorized" // see ErrNotAuthorized
	KindLeader        ErrorKind = "leader"         // leadership moved, or no leader at the moment
	KindTopic         ErrorKind = "topic"          // topic or partition missing
	KindCoordinator   ErrorKind = "coordinator"    // the group's coordinator moved or is loading
	KindGroup         ErrorKind = "group"          // generation or membership lost
	KindOffset        ErrorKind = "offset"         // out of range
	KindCorrupt       ErrorKind = "corrupt"        // see ErrCorrupt
	KindBroker        ErrorKind = "broker"         // any other error code
)

// classify returns the kind of an error of kafka-go. Order matters: a broker's
// code says more than the connection that was closed after it.
func classify(err error) ErrorKind {
	var code kafka.Error
	if errors.As(err, &code) {
		return kindOfCode(code)
	}
	var connect *ConnectError
	if errors.As(err, &connect) {
		return kindOfReason(connect.Reason)
	}
	switch {
	case errors.Is(err, ErrCorrupt):
		return KindCorrupt
	case errors.Is(err, ErrOffsetOutOfRange):
		return KindOffset
	case errors.Is(err, protocol.ErrNoTopic), errors.Is(err, protocol.ErrNoPartition):
		return KindTopic
	case errors.Is(err, protocol.ErrNoLeader):
		return KindLeader
	case isTLS(err):
		return KindTLS
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return KindTimeout
	case errors.Is(err, ErrLogin):
		return KindLogin
	}
	// The rest comes from connections: refused, reset, closed.
	return KindNetwork
}

func kindOfCode(code kafka.Error) ErrorKind {
	switch code {
	case kafka.OffsetOutOfRange:
		return KindOffset
	case kafka.InvalidMessage:
		return KindCorrupt // the broker found its log damaged
	case kafka.UnknownTopicOrPartition, kafka.InvalidTopic:
		return KindTopic
	case kafka.LeaderNotAvailable, kafka.NotLeaderForPartition, kafka.BrokerNotAvailable,
		kafka.ReplicaNotAvailable, kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch,
		kafka.OffsetNotAvailable, kafka.ListenerNotFound:
		return KindLeader
	case kafka.RequestTimedOut:
		return KindTimeout
	case kafka.NetworkException:
		return KindNetwork
	case kafka.GroupLoadInProgress, kafka.GroupCoordinatorNotAvailable, kafka.NotCoordinatorForGroup:
		return KindCoordinator
	case kafka.IllegalGeneration, kafka.UnknownMemberId, kafka.RebalanceInProgress, kafka.FencedInstanceID,
		kafka.InconsistentGroupProtocol, kafka.InvalidSessionTimeout:
		return KindGroup
	case kafka.TopicAuthorizationFailed, kafka.GroupAuthorizationFailed, kafka.ClusterAuthorizationFailed:
		return KindNotAuthorized
	case kafka.SASLAuthenticationFailed, kafka.UnsupportedSASLMechanism, kafka.IllegalSASLState:
		return KindLogin
	}
	return KindBroker
}

func kindOfReason(reason error) ErrorKind {
	switch {
	case errors.Is(reason, ErrTLS):
		return KindTLS
	case errors.Is(reason, ErrLogin):
		return KindLogin
	case errors.Is(reason, ErrNotAuthorized):
		return KindNotAuthorized
	case errors.Is(reason, ErrForeignMember):
		return KindGroup
	case errors.Is(reason, ErrTopicMissing):
		return KindTopic
	}
	return KindNetwork
}

// needsMetadata reports whether new metadata may help: the leader moved, or the
// known broker is gone.
func needsMetadata(kind ErrorKind) bool {
	switch kind {
	case KindLeader, KindTopic, KindNetwork, KindTimeout:
		return true
	}
	return false
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func isTLS(err error) bool {
	var (
		record      tls.RecordHeaderError
		certificate *tls.CertificateVerificationError
		alert       tls.AlertError
		authority   x509.UnknownAuthorityError
		host        x509.HostnameError
		invalid     x509.CertificateInvalidError
	)
	return errors.As(err, &record) || errors.As(err, &certificate) || errors.As(err, &alert) ||
		errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid) ||
		// kafka-go has only a text for a broker that answers plain text with a
		// TLS alert, and crypto/tls has only a text for a remote alert.
		strings.Contains(err.Error(), "expecting TLS") || strings.Contains(err.Error(), "remote error: tls:")
}
