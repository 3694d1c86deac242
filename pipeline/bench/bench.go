package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/source"
)

// partitions is how many each topic has.
const partitions = 12

// bench is the servers and what is known so far.
type bench struct {
	options
	dir    string
	binary string
	kafka  *real.Kafka
	redis  *real.Redis
	store  *redis.Client
	report report
	runs   int
	loaded map[string]bool // logs that are there
	last   namespace       // whose customers are in Redis
}

// stages are the measurements in order. Each finds Redis as the one before left
// it, and empties it where it needs to.
var stages = []struct {
	name string
	run  func(*bench, context.Context) error
}{
	{"ceiling", (*bench).ceiling},
	{"throughput", (*bench).throughput},
	{"reads", (*bench).reads},
	{"memory", (*bench).memory},
	{"latency", (*bench).latency},
	{"timers", (*bench).timers},
}

func names() []string {
	all := make([]string, len(stages))
	for i, s := range stages {
		all[i] = s.name
	}
	return all
}

// start builds the binary and starts the servers.
func start(ctx context.Context, o options) (b *bench, err error) {
	b = &bench{options: o, loaded: map[string]bool{}}
	defer func() {
		if err != nil {
			b.close()
			b = nil
		}
	}()
	if b.dir, err = os.MkdirTemp("", "tidemark-bench-"); err != nil {
		return b, err
	}
	b.binary = filepath.Join(b.dir, "tidemark")
	tell("building tidemark")
	if output, err := exec.CommandContext(ctx, "go", "build", "-o", b.binary, "./cmd/tidemark").CombinedOutput(); err != nil { //nolint:gosec // the folder is ours
		return b, fmt.Errorf("building tidemark (run this from the root of the checkout): %w: %s", err, output)
	}
	tell("starting Kafka and Redis")
	if b.kafka, err = real.StartKafka(1, "-Xms1g", "-Xmx1g"); err != nil {
		return b, err
	}
	if b.redis, err = real.StartRedis("--maxmemory-policy", "noeviction"); err != nil {
		return b, err
	}
	b.store = redis.NewClient(&redis.Options{Addr: b.redis.Addr(), DisableIdentity: true})
	b.report.Machine, err = real.ThisMachine(ctx)
	return b, err
}

func (b *bench) close() {
	if b.store != nil {
		_ = b.store.Close()
	}
	if b.redis != nil {
		_ = b.redis.Close()
	}
	if b.kafka != nil {
		_ = b.kafka.Close()
	}
	_ = os.RemoveAll(b.dir) // what is in it is of no use any more
}

// measure runs the stages that are wanted.
func (b *bench) measure(ctx context.Context) error {
	wanted := strings.Split(b.only, ",")
	if b.only == "" {
		wanted = names()
	}
	for _, name := range wanted {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("-only %s: there is no measurement of that name: choose of %s", name, strings.Join(names(), ", "))
		}
	}
	for _, s := range stages {
		if !slices.Contains(wanted, s.name) {
			continue
		}
		tell("measuring " + s.name)
		if err := s.run(b, ctx); err != nil {
			return fmt.Errorf("measuring %s: %w", s.name, err)
		}
	}
	return nil
}

// tell says on stderr what happens now.
func tell(what string) { fmt.Fprintln(os.Stderr, "bench:", what) }

// topics makes the topics of a namespace that are not there yet: its inputs and
// those that it writes to, with names of its own.
func (b *bench) topics(ctx context.Context, names ...real.Topic) error {
	for i := range names {
		names[i].Partitions = partitions
	}
	return b.kafka.CreateTopics(ctx, names...)
}

// appendTime are the settings of a topic that the broker dates.
var appendTime = map[string]string{"message.timestamp.type": "LogAppendTime"}

// open is the engine's own client of some topics.
func (b *bench) open(topics ...string) (*source.Client, error) {
	return source.Open(source.Config{Brokers: b.kafka.Brokers(), Topics: topics, ClientID: "bench"})
}

// ends are the end offsets of a topic's partitions, added up.
func (b *bench) ends(ctx context.Context, topic string) (sum int64, err error) {
	log, err := b.open(topic)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	for i := range int32(partitions) {
		_, end, err := log.Bounds(ctx, topic, i)
		if err != nil {
			return 0, err
		}
		sum += end
	}
	return sum, nil
}

// empty empties Redis.
func (b *bench) empty(ctx context.Context) error { return b.store.FlushAll(ctx).Err() }

var errNothing = errors.New("nothing was measured: make the run longer")
