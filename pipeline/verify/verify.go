package verify

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/policy"
)

// Options say what is verified.
type Options struct {
	Kafka     source.Config // Run names the topics and the client
	Redis     store.Config  // Run names the namespace
	Namespace string
	Inputs    []string // topics
	Changes   string   // topic
	Policy    *policy.Policy

	// Replay says that the namespace was made by a replay: then the log alone
	// decides about every change.
	Replay bool

	MemoryBytes int64          // of events and changes held at once, about; zero: 512 MiB
	Keep        int            // differences told in full; zero: 20
	Progress    func(Progress) // called now and then, nil: not wanted
}

// Progress is how far a verification is.
type Progress struct {
	Shards, Done int   // shards there are, and verified ones
	Records      int64 // read
}

const (
	defaultMemory = 512 << 20
	defaultKeep   = 20
)

// verifier is one verification under way.
type verifier struct {
	Options
	rules       *rules
	partitioner partition.Partitioner
	partitions  int32
	client      *source.Client
	keys        *keyspace
	shardBytes  int64

	mu       sync.Mutex
	progress Progress
	told     time.Time // last progress
}

// ErrNothing is the cause of an error where no shard has stored anything.
var ErrNothing = errors.New("nothing is stored: is the namespace the right one, and was it ever run?")

// Run verifies a namespace, shard by shard. The report says what differs; an
// error says that it could not be verified, and why. Nothing is changed. Workers
// must not run meanwhile.
func Run(ctx context.Context, o Options) (*Report, error) {
	begin := time.Now()
	v, err := open(o)
	if err != nil {
		return nil, err
	}
	defer v.client.Close()
	var report *Report
	if v.keys, err = openKeyspace(ctx, o.Redis, o.Namespace); err == nil {
		report, err = v.run(ctx)
		err = errors.Join(err, v.keys.close())
	}
	if err != nil {
		return nil, fmt.Errorf("verifying namespace %s: %w", o.Namespace, err)
	}
	report.Seconds = time.Since(begin).Seconds()
	return report, nil
}

func open(o Options) (*verifier, error) {
	v := &verifier{Options: o}
	v.Inputs = slices.Sorted(slices.Values(o.Inputs)) // ties of the merge go by name
	if v.MemoryBytes == 0 {
		v.MemoryBytes = defaultMemory
	}
	if v.Keep == 0 {
		v.Keep = defaultKeep
	}
	var err error
	if v.rules, err = newRules(o.Policy); err != nil {
		return nil, err
	}
	if v.partitioner, err = partition.Parse(o.Policy.Partitioner); err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	o.Kafka.Topics, o.Kafka.ClientID = append([]string{o.Changes}, v.Inputs...), "tidemark-verify"
	if v.client, err = source.Open(o.Kafka); err != nil {
		return nil, err
	}
	return v, nil
}

func (v *verifier) newJudge() (*judge, error) {
	decoder, err := event.NewDecoder(v.Policy)
	if err != nil {
		return nil, err
	}
	return &judge{decoder: decoder, rules: v.rules, partitioner: v.partitioner}, nil
}

// run verifies as many shards at once as there are processors.
func (v *verifier) run(ctx context.Context) (*Report, error) {
	if err := v.count(ctx); err != nil {
		return nil, err
	}
	report := &Report{Namespace: v.Namespace, Policy: v.Policy.Version(), Mode: "live",
		Records: Records{Rejected: map[string]int64{}}, Rewound: []int32{}, First: []Difference{}}
	if v.Replay {
		report.Mode = "replay"
	}
	workers := min(runtime.GOMAXPROCS(0), int(v.partitions))
	v.shardBytes = max(v.MemoryBytes/int64(workers), 1)
	shards := make([]shard, v.partitions)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for i := range shards {
		s := &shards[i]
		s.v, s.number = v, int32(i)
		s.report.Records.Rejected = map[string]int64{}
		group.Go(func() error {
			if err := s.run(ctx); err != nil {
				return err
			}
			s.people, s.ids = nil, nil
			v.finished()
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i := range shards {
		report.merge(&shards[i], v.Keep)
	}
	return report, nil
}

// count finds how many shards there are, by the topics and by what is stored.
func (v *verifier) count(ctx context.Context) error {
	partitions, err := v.client.Partitions(ctx, v.Changes)
	if err != nil {
		return err
	}
	if v.partitions, err = v.keys.partitions(ctx, partitions); err != nil {
		return err
	}
	if v.partitions == 0 {
		return ErrNothing
	}
	for _, topic := range append([]string{v.Changes}, v.Inputs...) {
		n, err := v.client.Partitions(ctx, topic)
		if err != nil {
			return err
		}
		if n != v.partitions {
			return fmt.Errorf("topic %s has %d partitions, but the namespace was made for %d: is it the right topic?", topic, n, v.partitions)
		}
	}
	v.mu.Lock()
	v.progress.Shards = int(v.partitions)
	v.mu.Unlock()
	return nil
}

// progressEvery is how often progress is told: a terminal needs no more.
const progressEvery = 100 * time.Millisecond

// read counts records that were read.
func (v *verifier) read(n int64) {
	if v.Progress == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.progress.Records += n
	if now := time.Now(); now.Sub(v.told) >= progressEvery {
		v.told = now
		v.Progress(v.progress)
	}
}

func (v *verifier) finished() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.progress.Done++
	if v.Progress != nil {
		v.Progress(v.progress)
	}
}
