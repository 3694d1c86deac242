package source

import (
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/segmentio/kafka-go/protocol/rawproduce"
)

// Temporary says whether an error passes by itself, so that trying again is
// right: a leader that moves, a broker that restarts, a network that is cut.
// Other errors want somebody to do something. kafka-go's own answer is not
// enough: it does not count a lost connection.
func Temporary(err error) bool {
	var ke kafka.Error
	if errors.As(err, &ke) {
		switch ke {
		case kafka.Unknown, // what kafka-go makes of a lost connection when it merges answers
			kafka.BrokerNotAvailable, kafka.ReplicaNotAvailable:
			return true
		}
		return ke.Temporary()
	}
	return leaderLost(err)
}

// leaderLost says whether an error is a reason to look up the leaders anew.
func leaderLost(err error) bool {
	var ke kafka.Error
	if errors.As(err, &ke) {
		switch ke {
		case kafka.UnknownTopicOrPartition, kafka.LeaderNotAvailable, kafka.NotLeaderForPartition,
			kafka.BrokerNotAvailable, kafka.ReplicaNotAvailable, kafka.KafkaStorageError,
			kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch, kafka.ListenerNotFound, kafka.Unknown:
			return true
		}
		return false
	}
	return errors.Is(err, errSilent) || connectionLost(err) || routing(err)
}

func connectionLost(err error) bool {
	var ne net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED) ||
		errors.As(err, &ne)
}

// routing says whether kafka-go found no broker to send the request to: its
// metadata has no leader, or another one for a part of the partitions.
func routing(err error) bool {
	var (
		fe *fetch.Error
		pe *produce.Error
		re *rawproduce.Error
	)
	return errors.As(err, &fe) || errors.As(err, &pe) || errors.As(err, &re) ||
		errors.Is(err, protocol.ErrNoLeader) || errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, protocol.ErrNoPartition)
}

// OutOfRange tells that the log does not have the offset asked for: it begins
// behind it or ends before it.
func OutOfRange(err error) bool { return errors.Is(err, kafka.OffsetOutOfRange) }
