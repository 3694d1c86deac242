package preflight

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// askTimeout is how long a broker may take to tell its versions.
const askTimeout = 10 * time.Second

// spoken are the requests that a worker sends. Through a Transport kafka-go
// takes the latest version that both know; below the least one here something is
// missing that the engine needs (of Fetch: transactions and batches with
// checksums). A consumer group speaks old and fixed versions.
var spoken = []struct {
	key          protocol.ApiKey
	least, known int16
}{
	{protocol.Produce, 3, protocol.Produce.MaxVersion()},
	{protocol.Fetch, 4, protocol.Fetch.MaxVersion()},
	{protocol.ListOffsets, 1, protocol.ListOffsets.MaxVersion()},
	{protocol.Metadata, 1, protocol.Metadata.MaxVersion()},
	{protocol.FindCoordinator, 0, 0},
	{protocol.JoinGroup, 1, 2},
	{protocol.SyncGroup, 0, 0},
	{protocol.Heartbeat, 0, 0},
	{protocol.LeaveGroup, 0, 0},
	{protocol.OffsetCommit, 2, 2},
	{protocol.OffsetFetch, 1, 1},
}

// brokers asks every broker whether it speaks what a worker speaks. One that
// died is listed until its session ends: it is a note while another answers.
func (k *check) brokers(ctx context.Context) (all bool, err error) {
	res, err := k.Client.RoundTrip(ctx, &metadata.Request{TopicNames: k.use.Names()}, 0)
	if err != nil {
		return false, fmt.Errorf("asking Kafka at %s for its brokers: %w; see that it runs, and that kafka.brokers names it", k.Client.Addr(), err)
	}
	// A request of this kind goes to any broker of a cluster. Where each is a
	// cluster of its own address, it goes to that one; the connections are these
	// requests' own, because kafka-go would keep them.
	shared := k.Client.Transport()
	transport := &kafka.Transport{Dial: shared.Dial, DialTimeout: shared.DialTimeout, ClientID: shared.ClientID,
		TLS: shared.TLS, SASL: shared.SASL, MetadataTopics: shared.MetadataTopics, Context: ctx}
	defer transport.CloseIdleConnections()
	all = true
	var silent []error
	brokers := res.(*metadata.Response).Brokers
	for _, b := range brokers {
		address := net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
		versions, err := ask(ctx, transport, address)
		if err != nil {
			silent = append(silent, fmt.Errorf("asking Kafka at %s for its versions: %w", address, err))
			continue
		}
		all = k.compare(address, versions) && all
	}
	if len(silent) > 0 && len(silent) == len(brokers) {
		return false, errors.Join(silent...)
	}
	for _, err := range silent {
		k.silent(err)
	}
	return all, nil
}

func ask(ctx context.Context, transport *kafka.Transport, address string) (*apiversions.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	res, err := transport.RoundTrip(ctx, kafka.TCP(address), &apiversions.Request{})
	if err != nil {
		return nil, err
	}
	versions := res.(*apiversions.Response)
	if versions.ErrorCode != 0 {
		return nil, kafka.Error(versions.ErrorCode)
	}
	return versions, nil
}

// compare refuses a broker that lacks a request in the versions needed.
func (k *check) compare(address string, versions *apiversions.Response) bool {
	has := map[protocol.ApiKey]apiversions.ApiKeyResponse{}
	for _, v := range versions.ApiKeys {
		has[protocol.ApiKey(v.ApiKey)] = v
	}
	var lacking []string
	old := false
	for _, s := range spoken {
		v, ok := has[s.key]
		switch {
		case !ok:
			lacking = append(lacking, s.key.String())
			old = true
		case v.MaxVersion < s.least:
			lacking = append(lacking, fmt.Sprintf("%s %s (it ends with %d)", s.key, span(s.least, s.known), v.MaxVersion))
			old = true
		case v.MinVersion > s.known:
			lacking = append(lacking, fmt.Sprintf("%s %s (it begins with %d)", s.key, span(s.least, s.known), v.MinVersion))
		}
	}
	if lacking == nil {
		return true
	}
	remedy := "it is newer than this version of Tidemark knows: upgrade Tidemark, or use Kafka 4"
	if old {
		remedy = "upgrade it to Kafka 0.11 or later"
	}
	k.refuse("broker-version", fmt.Sprintf("the broker at %s does not speak %s", address, strings.Join(lacking, ", ")), remedy)
	return false
}

func span(least, most int16) string {
	if least == most {
		return strconv.Itoa(int(least))
	}
	return fmt.Sprintf("%d to %d", least, most)
}
