package pipeline_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/sink"
)

// doubtful is a group that has not confirmed for long that this worker is a
// member. It is asked again and answers when it is told to.
type doubtful struct {
	owned sync.Map      // shards that were taken over
	asked chan struct{} // a value: it was asked again
	again chan struct{} // closed: it knows the member
}

func (d *doubtful) Holds() bool {
	select {
	case <-d.again:
		return true
	default:
		return false
	}
}

func (d *doubtful) Commit(_ context.Context, shard int32, _ map[string]int64) error {
	select {
	case <-d.again:
		return nil
	default:
	}
	if _, owned := d.owned.LoadOrStore(shard, true); !owned {
		return nil
	}
	tell(d.asked)
	return errors.New("not a member")
}

// A worker whose shards may be another's by now stores what Redis takes from it,
// and tells the world of nothing.
func TestNothingIsToldByWhoMayHaveLostItsShards(t *testing.T) {
	w := newWorld(t)
	w.visitors(0, 20)
	group := &doubtful{asked: make(chan struct{}, 1), again: make(chan struct{})}
	members := &given{shares: make(chan *pipeline.Share, 1), left: make(chan struct{})}
	members.shares <- &pipeline.Share{Shards: []int32{0, 1, 2}, Group: group, Over: make(chan struct{}), Release: func() {}}
	worker := w.serve(t.Context(), liveConfig(), w.Ports(), members)
	w.until("all is stored", func() bool { return w.customers() == 20 })
	<-group.asked
	_, records := w.read("changes")
	require.Empty(t, records)
	close(group.again)
	w.until("all is told", func() bool {
		_, records = w.read("changes")
		return len(records) == 20
	})
	worker.Drain()
	require.NoError(t, <-worker.ended)
}

// lapsing is a group whose confirmation is over once, between the moment at which
// changes are given to the sink, which it is as well, and that at which they leave.
type lapsing struct {
	pipeline.Sink
	noGroup
	lapsed, over atomic.Bool
	withheld     atomic.Int64
}

func (l *lapsing) Holds() bool { return !l.over.Load() }

func (l *lapsing) ProduceIf(ctx context.Context, topic string, partition int32, records []sink.Record, may func() bool) (int64, error) {
	base, err := l.Sink.ProduceIf(ctx, topic, partition, records, func() bool {
		if !l.lapsed.Swap(true) {
			l.over.Store(true)
			defer l.over.Store(false)
		}
		return may()
	})
	if errors.Is(err, sink.ErrWithheld) {
		l.withheld.Add(1)
	}
	return base, err
}

// A worker that was stopped with changes in hand asks before it lets them go.
func TestMembershipIsAskedWhenChangesLeave(t *testing.T) {
	w := newWorld(t)
	w.visitors(0, 20)
	ports := w.Ports()
	group := &lapsing{Sink: ports.Sink}
	ports.Sink = group
	members := &given{shares: make(chan *pipeline.Share, 1), left: make(chan struct{})}
	members.shares <- &pipeline.Share{Shards: []int32{0}, Group: group, Over: make(chan struct{}), Release: func() {}}
	worker := w.serve(t.Context(), liveConfig(), ports, members)
	w.until("all of the shard is told", func() bool {
		_, records := w.read("changes")
		return len(records) > 0 && int64(len(records)) == w.customers()
	})
	require.EqualValues(t, 1, group.withheld.Load())
	worker.Drain()
	require.NoError(t, <-worker.ended)
}

// A share that was given back takes its lease along, though the group has just
// confirmed it; and the group is asked to wait for the last one.
func TestAShareTakesItsLeaseAlong(t *testing.T) {
	w := newWorld(t)
	const session = 5 * time.Minute
	waits := make(chan int32, 1)
	w.servers.Kafka().ControlKey(int16(kmsg.JoinGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		select {
		case waits <- r.(*kmsg.JoinGroupRequest).RebalanceTimeoutMillis:
		default: // it asks again
		}
		return nil, nil, false
	})
	members, err := pipeline.JoinGroup(pipeline.GroupConfig{ID: "test", Inputs: w.where.Inputs, Partitions: partitions, SessionTimeout: session, Log: zap.NewNop()}, w.Client)
	require.NoError(t, err)
	t.Cleanup(members.Leave)
	share, err := members.Next(t.Context())
	require.NoError(t, err)
	const heartbeat = time.Second
	require.GreaterOrEqual(t, time.Duration(<-waits)*time.Millisecond, pipeline.RebalanceTimeout(session, heartbeat, pipeline.DrainTimeout))

	require.False(t, share.Group.Holds(), "nothing is confirmed yet")
	require.NoError(t, share.Group.Commit(t.Context(), 0, map[string]int64{"purchases": 0, "clicks": 0}))
	require.True(t, share.Group.Holds())
	share.Release()
	require.False(t, share.Group.Holds())
}
