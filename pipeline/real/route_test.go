//go:build real

package real_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tidemark/tidemark/pipeline/real"
)

// A route is cut for whoever came by it, and for nobody else.
func TestRoutesToKafka(t *testing.T) {
	kafka, err := real.StartRoutedKafka(1, 2)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, kafka.Close()) })
	for i := range 2 {
		require.Equal(t, kafka.Route(i).Addrs(), brokersBy(t, kafka.Route(i), time.Minute))
	}
	kafka.Route(0).Cut(real.ToClient)
	require.Empty(t, brokersBy(t, kafka.Route(0), time.Second))
	require.Equal(t, kafka.Route(1).Addrs(), brokersBy(t, kafka.Route(1), time.Minute))
	require.NoError(t, kafka.Route(0).Heal())
	require.Equal(t, kafka.Route(0).Addrs(), brokersBy(t, kafka.Route(0), time.Minute))
	kafka.Route(0).Refuse()
	require.Empty(t, brokersBy(t, kafka.Route(0), time.Second))
}

// brokersBy are the brokers that are told to a client who comes by a route; none
// if he gets no answer in time.
func brokersBy(t *testing.T, route real.Route, patience time.Duration) (all []string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(route.Addrs()...))
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(bounded(t), patience)
	defer cancel()
	answer, err := client.Request(ctx, kmsg.NewPtrMetadataRequest())
	if err != nil {
		return nil
	}
	for _, b := range answer.(*kmsg.MetadataResponse).Brokers {
		all = append(all, net.JoinHostPort(b.Host, fmt.Sprint(b.Port)))
	}
	return all
}
