// Package service runs a namespace as it is deployed, for tests: the tidemark
// binary as processes over the servers of package real, a shop that trades with
// it (shop.go), and a count of what came out of it, by readers that share nothing
// with the engine (account.go).
package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pipeline/verify"
)

// Options say what a service is.
type Options struct {
	Name     string   // of the namespace; its topics' names begin with it
	Binary   string   // the program
	Dir      string   // of the configuration and of what workers say; made where it is not there
	Kafka    []string // host:port
	Redis    Redis
	Shards   int32
	Session  time.Duration // how long the group waits for a worker that died
	Policy   string        // section policy of the configuration, as YAML
	Clock    string        // wall or event; empty: wall
	Replicas int           // of each topic
	Further  string        // lines of the configuration

	// Own are the addresses by which a worker reaches Kafka and Redis, where it has
	// ways of its own; nil: those of everybody.
	Own func(worker int) (kafka, redis []string)
}

// Redis says where it is and what is asked of it.
type Redis struct {
	Addrs      []string
	Durability string // as in the configuration; empty: none
	Master     string // the name under which sentinels watch it, where Addrs are theirs
}

// Service is a namespace whose workers are processes.
type Service struct {
	Options
	Purchases, Clicks, Changes, Letters string // topics
}

// New writes the configuration of a service.
func New(o Options) (*Service, error) {
	s := &Service{Options: o, Purchases: o.Name + "-purchases", Clicks: o.Name + "-clicks", Changes: o.Name + "-changes", Letters: o.Name + "-dead-letters"}
	if err := os.MkdirAll(s.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("making the folder of service %s: %w", s.Name, err)
	}
	return s, s.Configure()
}

// Build builds the program from the checkout that the working folder is in.
func Build(ctx context.Context, binary string, args ...string) error {
	args = append(append([]string{"build", "-o", binary}, args...), "github.com/tidemark/tidemark/cmd/tidemark")
	if output, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil { //nolint:gosec // the PATH's go
		return fmt.Errorf("building tidemark: %w: %s", err, output)
	}
	return nil
}

// Configure writes the configuration again, for workers that start from now on.
func (s *Service) Configure() error { return s.configure(s.Config(), s.Kafka, s.Redis.Addrs) }

func (s *Service) configure(file string, kafka, addrs []string) error {
	clock, redis := s.Clock, fmt.Sprintf("{addrs: [%s]", strings.Join(addrs, ", "))
	if clock == "" {
		clock = "wall"
	}
	if s.Redis.Durability != "" {
		redis += ", durability: \"" + s.Redis.Durability + `"`
	}
	if s.Redis.Master != "" {
		redis += ", sentinel: {master: " + s.Redis.Master + "}"
	}
	text := fmt.Sprintf(`namespace: %s
kafka:
  brokers: [%s]
  inputs: [{topic: %s}, {topic: %s}]
  topics: {changes: %s, dead_letters: %s}
  session_timeout: %s
redis: %s}
server: {listen: "127.0.0.1:0"}
start: {publish: all}
clock: %s
timer_grace: 1s
%s%s`, s.Name, strings.Join(kafka, ", "), s.Purchases, s.Clicks, s.Changes, s.Letters, s.Session, redis, clock, s.Policy, s.Further)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("configuring service %s: %w", s.Name, err)
	}
	return nil
}

// Config is the file of the configuration.
func (s *Service) Config() string { return filepath.Join(s.Dir, "tidemark.yaml") }

// configOf is the file of a worker's configuration.
func (s *Service) configOf(worker int) (string, error) {
	if s.Own == nil {
		return s.Config(), nil
	}
	file := filepath.Join(s.Dir, fmt.Sprintf("worker-%d.yaml", worker))
	kafka, redis := s.Own(worker)
	if kafka == nil {
		kafka = s.Kafka
	}
	if redis == nil {
		redis = s.Redis.Addrs
	}
	return file, s.configure(file, kafka, redis)
}

// Command is one of the program's commands over the configuration.
func (s *Service) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, s.Binary, append([]string{name, "-c", s.Config()}, args...)...) //nolint:gosec // it was built for this
}

// CreateTopics creates those that are not there, as users do.
func (s *Service) CreateTopics(ctx context.Context) error {
	text, err := s.Command(ctx, "topics", "--create", "--partitions", fmt.Sprint(s.Shards), "--replication-factor", fmt.Sprint(max(s.Replicas, 1))).CombinedOutput()
	if err != nil {
		return fmt.Errorf("creating the topics of service %s: %w: %s", s.Name, err, text)
	}
	return nil
}

// Verify lets the program judge what it has done. Workers must not run.
func (s *Service) Verify(ctx context.Context) (*verify.Report, error) {
	var stdout, stderr bytes.Buffer
	cmd := s.Command(ctx, "verify", "--output", "json")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var report verify.Report
	if parsing := json.Unmarshal(stdout.Bytes(), &report); parsing != nil {
		return nil, fmt.Errorf("verifying service %s: %w: %s", s.Name, errors.Join(err, parsing), &stderr)
	}
	return &report, nil
}

// Connect makes the engine's own clients of the service's servers.
func (s *Service) Connect() (*pipeline.Connection, error) {
	redis := store.Config{Addrs: s.Redis.Addrs, Sentinel: store.Sentinel{Master: s.Redis.Master}}
	return pipeline.Connect(pipeline.Servers{Kafka: source.Config{Brokers: s.Kafka}, Redis: redis, Namespace: s.Name,
		Inputs: []string{s.Purchases, s.Clicks}, Changes: s.Changes, DeadLetters: s.Letters})
}

// States are the shards' own hashes, as they are now.
func (s *Service) States(ctx context.Context) ([]store.State, error) {
	connection, err := s.Connect()
	if err != nil {
		return nil, err
	}
	states := make([]store.State, s.Shards)
	for shard := range s.Shards {
		if err == nil {
			states[shard], err = state(ctx, connection, shard)
		}
	}
	return states, errors.Join(err, connection.Close())
}

func state(ctx context.Context, connection *pipeline.Connection, shard int32) (store.State, error) {
	session, err := connection.Redis.Session(ctx, shard)
	if err != nil {
		return store.State{}, err
	}
	state, err := session.Head(ctx)
	return state, errors.Join(err, session.Close())
}

// Consumed fails while a record of the inputs is not stored yet, or a customer
// waits for the log to be read again.
func (s *Service) Consumed(ctx context.Context) error {
	states, err := s.States(ctx)
	if err != nil {
		return err
	}
	ends, err := Ends(ctx, s.Kafka, s.Purchases, s.Clicks)
	if err != nil {
		return err
	}
	for shard := range states {
		for i := range states[shard].Topics {
			t := &states[shard].Topics[i]
			if end := ends[t.Name][int32(shard)]; t.Next < end {
				return fmt.Errorf("shard %d is at %d of %d of %s", shard, t.Next, end, t.Name)
			}
		}
		if states[shard].Adopt != nil {
			return fmt.Errorf("shard %d has customers who wait for the log to be read again", shard)
		}
	}
	return nil
}

// DeleteTopics deletes them: a matrix of services would fill a disk.
func (s *Service) DeleteTopics(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Kafka...))
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).DeleteTopics(ctx, s.Purchases, s.Clicks, s.Changes, s.Letters); err != nil {
		return fmt.Errorf("deleting the topics of service %s: %w", s.Name, err)
	}
	return nil
}
