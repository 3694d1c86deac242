// Package preflight looks at the servers before a worker starts. What would stop
// a shard later, or go wrong in silence, is told at once: all of it, each with
// its reason and remedy.
package preflight

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/store"
	"github.com/tidemark/tidemark/pipeline/topics"
	"github.com/tidemark/tidemark/pkg/policy"
)

// Config is what the worker that wants to start was told.
type Config struct {
	Servers         pipeline.Servers
	Policy          *policy.Policy
	Durability      string // as in the configuration: none, fsync or replicas:n
	AcceptTruncated bool
}

// Report is what was found that does not keep a worker from starting.
type Report struct {
	Partitions int32    // of every input
	Notes      []string // each a sentence: what is not as it should be, or cannot be known
}

// Refusal is everything that keeps a worker from starting. It is a *Stop of
// package pipeline to errors.As.
type Refusal []*pipeline.Stop

// Error is a line for every reason.
func (r Refusal) Error() string {
	lines := make([]string, len(r))
	for i, stop := range r {
		lines[i] = stop.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the reasons.
func (r Refusal) Unwrap() []error {
	all := make([]error, len(r))
	for i, stop := range r {
		all[i] = stop
	}
	return all
}

// Check asks Kafka and Redis whether a worker may start. Its error is a Refusal
// where it may not, and another one where a server cannot be asked. At the first
// start of a namespace it stores the policy and the partition count, which every
// later start is compared with.
func Check(ctx context.Context, c *pipeline.Connection, config Config) (*Report, error) {
	k := &check{Connection: c, config: config,
		use: topics.Use{Inputs: store.SortTopics(config.Servers.Inputs), Changes: config.Servers.Changes,
			DeadLetters: config.Servers.DeadLetters, Policy: config.Policy}}
	err := errors.Join(k.kafka(ctx), k.servers(ctx))
	if err == nil && k.partitions > 0 {
		err = k.namespace(ctx)
	}
	report := &Report{Partitions: k.partitions, Notes: k.notes}
	switch {
	case len(k.refused) > 0 && err != nil:
		return report, errors.Join(k.refused, err)
	case len(k.refused) > 0:
		return report, k.refused
	default:
		return report, err
	}
}

// check is one Check under way.
type check struct {
	*pipeline.Connection
	config Config
	use    topics.Use

	partitions int32 // of every input; 0 where they are not as they have to be
	refused    Refusal
	notes      []string
	absent     bool // a server was silent: what it alone knows cannot be asked
}

func (k *check) refuse(code, reason, remedy string) {
	k.refused = append(k.refused, &pipeline.Stop{Code: code, Reason: reason, Remedy: remedy})
}

func (k *check) note(text string) { k.notes = append(k.notes, text) }

// silent notes a server that does not answer while others do.
func (k *check) silent(err error) {
	k.note(err.Error() + ": see whether it is gone for good; whether it is as it should be is not known")
	k.absent = true
}

// kafka looks at the brokers, and at the topics where the brokers can be asked.
func (k *check) kafka(ctx context.Context) error {
	spoken, err := k.brokers(ctx)
	if err != nil || !spoken || !k.rights(ctx) {
		return err
	}
	found, err := k.describe(ctx)
	if err != nil {
		return err
	}
	fine := true
	for _, f := range k.use.Judge(found, 0) {
		switch f.Level {
		case topics.Wrong:
			k.refuse(f.Code, f.Reason, f.Remedy)
			fine = fine && f.Code != topics.Missing && f.Code != topics.Unequal
		case topics.Advice, topics.Unknown:
			k.note(f.Reason + ": " + f.Remedy)
		}
	}
	if fine {
		k.partitions = found[0].Partitions
	}
	return nil
}

// The longest that a broker which died is taken for alive, and the pause between
// two questions meanwhile. The first is beyond Kafka's session time-out, 9 s.
const (
	deadListed   = 15 * time.Second
	describeEach = time.Second
)

// describe reads the topics. Their settings are asked of one broker: where it is
// the one that is silent, another has its part as soon as it is missed.
func (k *check) describe(ctx context.Context) ([]topics.Topic, error) {
	for began := time.Now(); ; {
		found, err := topics.Describe(ctx, k.Client, k.use.Names())
		if err == nil || !k.absent || time.Since(began) > deadListed {
			return found, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(describeEach):
		}
	}
}
