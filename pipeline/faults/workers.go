package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/real/service"
)

// takenOver is how soon the shards of a worker that died are live again.
const takenOver = session + 5*time.Second

func init() {
	matrix = append(matrix,
		row{name: "kill-random", fault: "kill -9 a worker at random", full: 100, reduced: 3, bound: takenOver, apply: killAtRandom},
		row{name: "kill-steps", fault: "kill -9 a worker at each named step of a batch", full: 2 * len(steps()), reduced: 4, bound: takenOver, servers: durable, apply: killAtSteps},
		row{name: "sigterm", fault: "SIGTERM", full: 50, reduced: 3, once: true, apply: terminate},
		row{name: "sigstop", fault: "SIGSTOP past the session time-out, then SIGCONT", full: 20, reduced: 2, bound: takenOver, apply: zombie},
		row{name: "churn", fault: "workers join and leave every 2 s", full: 150, reduced: 4, apply: churn},
		row{name: "two-groups", fault: "two groups on one namespace", full: 10, reduced: 1, apply: twoGroups},
		row{name: "paused-takeover", fault: "a worker paused between group check and take-over", full: 10, reduced: 1, apply: pausedTakeOver})
}

// tries are how many runs more a row has where chance let none of its runs show
// what it is about.
const tries = 7

// killAtRandom ends workers at any moment, each replaced at once, as by an orchestrator.
func killAtRandom(ctx context.Context, f *field) error {
	for range f.dose {
		f.runs++
		if err := f.pause(ctx, time.Duration(f.chance.Int64N(int64(time.Second)))); err != nil {
			return err
		}
		killed := f.kill(f.any())
		if _, err := f.start(ctx); err != nil {
			return err
		}
		if err := f.recovers(ctx, killed); err != nil {
			return err
		}
	}
	return nil
}

// steps are the fail points of a batch, before and after each of its I/O.
func steps() (all []string) {
	for kind := pipeline.OpHead; kind <= pipeline.OpPublish; kind++ {
		all = append(all, kind.String()+".before", kind.String()+".after")
	}
	return all
}

// durable is a Redis that can tell when a write is on disk: waiting for that is a
// step of a batch, too.
func durable(_ context.Context, f *field) (err error) {
	f.redis, err = real.StartNewerRedis("--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction")
	switch {
	case errors.Is(err, real.ErrUnavailable):
		f.remark("no newer Redis to be had: without the step wait")
		f.redis, err = real.StartRedis("--appendonly", "yes", "--maxmemory-policy", "noeviction")
	case err == nil:
		f.service.Redis.Durability = "fsync"
	}
	if err != nil {
		return err
	}
	f.later(f.redis.Close)
	f.service.Redis.Addrs = []string{f.redis.Addr()}
	return nil
}

// killAtSteps lets workers end themselves at fail points. Each takes the place of
// one that was killed, so that there is a share to be taken over.
func killAtSteps(ctx context.Context, f *field) error {
	order := f.chance.Perm(len(steps()))
	met := map[string]bool{}
	for i := range f.dose {
		step := steps()[order[i%len(order)]]
		if f.service.Redis.Durability == "" && (step == "wait.before" || step == "wait.after") {
			continue
		}
		f.runs++
		killed, times := []*service.Worker{f.any()}, 1+f.chance.IntN(4)
		reads := strings.HasPrefix(step, pipeline.OpChanges.String())
		if reads {
			killed, times = f.running(), 1
		}
		for _, w := range killed {
			f.kill(w)
		}
		if reads { // what a worker told and does not know of, the next one reads
			w, err := f.stray(ctx, fmt.Sprintf("TIDEMARK_FAILPOINT=%s.after:1", pipeline.OpPublish))
			if err == nil {
				err = f.endsItself(ctx, w, time.Minute)
			}
			if err != nil {
				return fmt.Errorf("before step %s: %w", step, err)
			}
		}
		w, err := f.stray(ctx, fmt.Sprintf("TIDEMARK_FAILPOINT=%s:%d", step, times))
		if err != nil {
			return err
		}
		if err := f.endsItself(ctx, w, time.Minute); err != nil {
			return fmt.Errorf("step %s: %w", step, err)
		}
		met[step] = true
		for range killed {
			if _, err := f.start(ctx); err != nil {
				return err
			}
		}
		if err := f.recovers(ctx, w.End()); err != nil {
			return fmt.Errorf("step %s: %w", step, err)
		}
	}
	f.remark("%d different steps", len(met))
	return nil
}

// endsItself waits until a worker has come to its fail point.
func (f *field) endsItself(ctx context.Context, w *service.Worker, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case <-w.Ended():
	case <-ctx.Done():
		return fmt.Errorf("the worker never came there: %s", w.LastWords())
	}
	if w.Code() != service.Killed || !w.Tells("fail point") {
		return fmt.Errorf("the worker ended with code %d: %s", w.Code(), w.LastWords())
	}
	return nil
}

// terminate asks workers to end. What is told as recovery is how long they took.
func terminate(ctx context.Context, f *field) error {
	const limit = pipeline.DrainTimeout
	for range f.dose {
		f.runs++
		w := f.any()
		took, err := f.terminate(ctx, w)
		if err != nil {
			return err
		}
		if w.Tells("shards were not at rest in time") {
			return fmt.Errorf("a worker that was asked to end gave up what it had in hand after %v: %s", limit, w.LastWords())
		}
		if f.recovered = append(f.recovered, took); took > f.bounded(limit) {
			return fmt.Errorf("a worker that was asked to end took %v, not %v at most", took, f.bounded(limit))
		}
		if _, err := f.start(ctx); err != nil {
			return err
		}
		if _, err := f.probes.probe(ctx, f.shop); err != nil {
			return err
		}
		if err := f.settled(ctx); err != nil {
			return err
		}
	}
	f.remark("recovery is the time to drain")
	return nil
}

// zombie stops workers until others have their shards, and lets them go on then.
// Where the group tells one first that he has none any more, only a shard that was
// stopped with something in hand tries to write.
func zombie(ctx context.Context, f *field) error {
	var refused float64
	for f.runs < f.dose || refused == 0 && f.runs < f.dose+tries {
		f.runs++
		w := f.any()
		before, err := w.Metrics(ctx)
		if err != nil {
			return err
		}
		stopped := time.Now()
		w.Signal(syscall.SIGSTOP)
		if err := f.recovers(ctx, stopped); err != nil {
			return err
		}
		if err := f.pause(ctx, session); err != nil {
			return err
		}
		w.Signal(syscall.SIGCONT)
		if err := f.settled(ctx); err != nil {
			return err
		}
		after, err := w.Metrics(ctx)
		if err != nil {
			return err
		}
		refused += after["tidemark_fenced_total"] - before["tidemark_fenced_total"]
	}
	f.remark("%.0f writes of zombies refused", refused)
	if refused == 0 {
		return errors.New("no zombie tried to write: nothing was shown")
	}
	return nil
}

// churn lets a worker join or leave every two seconds. What is stored never goes
// back meanwhile.
func churn(ctx context.Context, f *field) error {
	watch := f.monotone(ctx)
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for i := range f.dose {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		f.runs++
		if i%2 == 0 {
			if _, err := f.start(ctx); err != nil {
				return err
			}
			continue
		}
		// One that has not begun to listen yet would not end well.
		all := slices.DeleteFunc(f.running(), func(w *service.Worker) bool { return !w.Gained() })
		if len(all) == 0 {
			continue
		}
		if _, err := f.terminate(ctx, all[f.chance.IntN(len(all))]); err != nil {
			return err
		}
	}
	return watch()
}

// monotone looks at what the shards have stored, again and again, until the
// function returned is called: it fails where an offset or a clock went back.
func (f *field) monotone(ctx context.Context) func() error {
	ctx, cancel := context.WithCancel(ctx)
	result := make(chan error, 1)
	go func() {
		offsets, clocks := map[string]int64{}, [shards]int64{}
		for {
			states, err := f.service.States(ctx)
			if ctx.Err() != nil {
				result <- nil
				return
			}
			for i := range states {
				for _, t := range states[i].Topics {
					at := fmt.Sprintf("%s/%d", t.Name, i)
					if t.Next < offsets[at] {
						err = errors.Join(err, fmt.Errorf("%s went back from %d to %d", at, offsets[at], t.Next))
					}
					offsets[at] = t.Next
				}
				if states[i].Clock < clocks[i] {
					err = errors.Join(err, fmt.Errorf("the clock of shard %d went back from %d to %d", i, clocks[i], states[i].Clock))
				}
				clocks[i] = states[i].Clock
			}
			if err != nil {
				result <- err
				return
			}
		}
	}()
	return func() error {
		cancel()
		return <-result
	}
}

// twoGroups lets a worker of another consumer group claim all shards, too. While
// both have them each takes them from the other, and still the work goes on.
func twoGroups(ctx context.Context, f *field) error {
	const progress = 30 * time.Second // for every shard to tell of an event while it is fought for
	for range f.dose {
		f.runs++
		other, err := f.stray(ctx, "TIDEMARK_GROUP=-other")
		if err != nil {
			return err
		}
		if err := real.Await(ctx, time.Minute, func(context.Context) error {
			if !other.Gained() {
				return errors.New("the other group has no shard yet")
			}
			return nil
		}); err != nil {
			return err
		}
		began := time.Now()
		last, err := f.probes.probe(ctx, f.shop)
		if err != nil {
			return err
		}
		f.recovered = append(f.recovered, last.Sub(began))
		if took := last.Sub(began); took > progress {
			return fmt.Errorf("with two groups an event took %v to be told", took)
		}
		other.Signal(syscall.SIGTERM)
		if err := f.endsWell(ctx, other); err != nil {
			return err
		}
	}
	f.remark("recovery is from an event to its change while both groups have the shard")
	return nil
}

// endsWell waits for the end of a stray worker that was asked to end.
func (f *field) endsWell(ctx context.Context, w *service.Worker) error {
	select {
	case <-w.Ended():
	case <-ctx.Done():
		return ctx.Err()
	}
	if w.Code() != 0 {
		return fmt.Errorf("a worker that was asked to end did with code %d: %s", w.Code(), w.LastWords())
	}
	return nil
}

// pausedTakeOver stops workers after the group said that a shard is theirs, and
// before they take it; others do meanwhile. When they go on they must not succeed:
// Redis refuses it, if the group has not told them first that it is not theirs.
// That comes first about once in three, so there are some runs more where Redis
// was not asked in any. Nor is it where all slept for longer than an I/O may take.
func pausedTakeOver(ctx context.Context, f *field) error {
	const answer = 10 * time.Second // as long as a worker waits for one
	var refused float64
	asleep := 0 // for longer
	for f.runs < f.dose || refused == 0 && f.runs < f.dose+tries {
		f.runs++
		f.kill(f.any())
		w, err := f.stray(ctx, "TIDEMARK_FAILPOINT=take.before:1:stop")
		if err != nil {
			return err
		}
		if err := real.Await(ctx, time.Minute, func(context.Context) error {
			if !w.Tells("fail point take.before") {
				return fmt.Errorf("the worker has not come to its fail point: %s", w.LastWords())
			}
			return nil
		}); err != nil {
			return err
		}
		stopped := time.Now()
		if err := f.recovers(ctx, stopped); err != nil {
			return err
		}
		w.Signal(syscall.SIGCONT)
		if time.Since(stopped) > answer {
			asleep++
		}
		if err := real.Await(ctx, time.Minute, func(ctx context.Context) error {
			metrics, err := w.Metrics(ctx)
			if err == nil && metrics["tidemark_fenced_total"]+metrics["tidemark_errors_total"] == 0 && !w.Tells("given back") {
				err = errors.New("its take-over has not failed yet")
			}
			return err
		}); err != nil {
			return err
		}
		metrics, err := w.Metrics(ctx)
		if err != nil {
			return err
		}
		refused += metrics["tidemark_fenced_total"]
		w.Signal(syscall.SIGTERM)
		if err := f.endsWell(ctx, w); err != nil {
			return err
		}
		if _, err := f.start(ctx); err != nil {
			return err
		}
	}
	f.remark("%.0f take-overs refused", refused)
	if asleep > 0 {
		f.remark("%d of %d workers slept for longer than an I/O may take", asleep, f.runs)
	}
	if refused == 0 && (f.fullDose || asleep < f.runs) {
		return errors.New("none met another's head: the group told them all first, or they had slept for longer than an I/O may take")
	}
	return nil
}
