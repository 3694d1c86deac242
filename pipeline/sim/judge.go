package sim

import (
	"fmt"
	"slices"

	"github.com/tidemark/tidemark/pipeline/store"
)

// judge holds the end of a run against the contract.
func (w *World) judge() error {
	for number := range w.s.Partitions {
		if err := w.judgeShard(number); err != nil {
			return fmt.Errorf("shard %d: %w", number, err)
		}
	}
	return nil
}

// verdict is the judgement of one shard.
type verdict struct {
	*replay
	data    *shardData
	state   store.State
	topic   []broadcast // its changes partition
	stopped bool
	adopted map[string]bool // customers of whom a change was lost that the world had heard
	lost    []*loss
	pasts   []*replay // what the shard was before Redis lost it
}

func (w *World) judgeShard(number int32) error {
	v := verdict{data: w.redis.data(shardKey(number)), stopped: w.stopped[number] != ""}
	var err error
	if v.state, err = store.ParseState(v.data.hash, inputs); err != nil {
		return err
	}
	v.replay = w.newReplay(number, v.data.history, v.state.Start)
	if v.topic, err = w.broadcasts(number); err != nil {
		return err
	}
	v.readBootstraps()
	if err := v.run(v.state.Clock); err != nil {
		return err
	}
	v.lost = slices.DeleteFunc(slices.Clone(w.losses), func(l *loss) bool { return l.number != number })
	v.readAdopted()
	for _, check := range []struct {
		what  string
		check func() error
	}{
		{"history", v.checkHistory},
		{"start", v.checkStart},
		{"accounts", v.checkAccounts},
		{"dead letters", v.checkLetters},
		{"customers", v.checkCustomers},
		{"timers", v.checkTimers},
		{"pasts", v.readPasts},
		{"truth of changes", v.checkTruth},
		{"chains of changes", v.checkChains},
		{"exact changes", v.checkExact},
	} {
		if err := check.check(); err != nil {
			return fmt.Errorf("%s: %w", check.what, err)
		}
	}
	v.count()
	return nil
}

// count adds what this shard went through to the totals.
func (v *verdict) count() {
	t := &v.w.totals
	if v.w.s.Publish != "all" {
		t.Silent++
	}
	t.Adopted += v.state.Adopted
	for _, b := range v.topic {
		if b.repeat {
			continue
		}
		t.Changes++
		switch b.Cause.Kind {
		case "timer":
			t.Deadlines++
		case "bootstrap":
			t.Bootstraps++
		}
		if b.restart {
			t.Restarted++
		}
	}
	for _, topic := range v.state.Topics {
		t.DeadLetters += topic.Counts.Rejected()
		t.WithoutEffect += topic.Counts.NoEffect()
	}
}
