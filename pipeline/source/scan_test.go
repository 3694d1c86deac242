package source

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
)

func TestScanVisitsFromOneOffsetToAnother(t *testing.T) {
	k := cluster(t, 2, 1)
	c := open(t, k.ListenAddrs()...)
	for i := range 30 {
		write(t, c, 0, fmt.Sprintf("%d-a", i), fmt.Sprintf("%d-b", i))
	}
	// Errors that pass are waited out, and nothing is visited twice.
	require.NoError(t, k.MoveTopicPartition(topic, 0, 1-k.LeaderFor(topic, 0)))
	fetches := 0
	k.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		fetches++
		if fetches%2 == 1 {
			return nil, errors.New("connection lost"), true
		}
		for i := range r.(*kmsg.FetchRequest).Topics {
			r.(*kmsg.FetchRequest).Topics[i].Partitions[0].PartitionMaxBytes = 1 // a batch at a time
		}
		return nil, nil, false
	})
	var got []string
	require.NoError(t, c.Scan(soon(t), topic, 0, 51, 55, func(r *recordbatch.Record) error {
		got = append(got, string(r.Value))
		return nil
	}))
	require.Equal(t, []string{"25-b", "26-a", "26-b", "27-a"}, got)
	require.NoError(t, c.Scan(soon(t), topic, 0, 60, 60, nil), "nothing to visit")
}

func TestScanEndsWithAnError(t *testing.T) {
	k := cluster(t, 1, 1)
	c := open(t, k.ListenAddrs()...)
	write(t, c, 0, "a", "b")
	enough := errors.New("enough")
	visits := 0
	require.Equal(t, enough, c.Scan(soon(t), topic, 0, 0, 2, func(*recordbatch.Record) error { visits++; return enough }))
	require.Equal(t, 1, visits)
	err := c.Scan(soon(t), topic, 0, 5, 7, nil)
	require.True(t, OutOfRange(err), err)
	require.ErrorContains(t, err, "reading purchases/0 from offset 5")
}

// What lies behind the beginning of an open transaction is not given out: that is
// not the end of the log.
func TestScanWaitsForAnOpenTransaction(t *testing.T) {
	k := cluster(t, 1, 1)
	c := open(t, k.ListenAddrs()...)
	producer, err := kgo.NewClient(kgo.SeedBrokers(k.ListenAddrs()...), kgo.TransactionalID("shop"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(producer.Close)
	require.NoError(t, producer.BeginTransaction())
	require.NoError(t, producer.ProduceSync(soon(t), &kgo.Record{Topic: topic, Value: []byte("in it")}).FirstErr())
	write(t, c, 0, "behind its beginning")

	var fetches atomic.Int32
	stuck := make(chan struct{})
	k.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		if fetches.Add(1) == 2 { // the first answer had nothing
			close(stuck)
		}
		return nil, nil, false
	})
	var ending errgroup.Group
	ending.Go(func() error {
		select {
		case <-stuck:
			return producer.EndTransaction(soon(t), kgo.TryCommit)
		case <-soon(t).Done():
			return errors.New("it is not asked again")
		}
	})
	var got []string
	require.NoError(t, c.Scan(soon(t), topic, 0, 0, 2, func(r *recordbatch.Record) error {
		got = append(got, string(r.Value))
		return nil
	}))
	require.Equal(t, []string{"in it", "behind its beginning"}, got)
	require.NoError(t, ending.Wait())
}
