package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/real/service"
)

// How long the rows that are run by hand last.
var soakFor, overloadFor time.Duration

func init() {
	matrix = append(matrix,
		row{name: "soak", fault: "soak at half of the sustainable rate, with random faults (dose: seconds)", byHand: true, mix: settledCustomers, apply: soak},
		row{name: "overload", fault: "four times what workers that have a twentieth of the time can sustain (dose: seconds)", byHand: true, apply: overload})
}

// settledCustomers have soon all been seen, with each of their orders; and nothing
// is returned, since what was is kept for a week: what grows later is no customer.
func settledCustomers(m *service.Mix) { m.Customers, m.Even, m.Unreturned = 5_000, true, true }

// sustainable is how many events a second the workers consume while the shop writes
// as fast as it can: what there is of this machine is shared as it is in the row.
func (f *field) sustainable(ctx context.Context) (int, error) {
	const measured = 10 * time.Second
	f.stopFeed()
	if err := f.shop.Flush(ctx); err != nil {
		return 0, err
	}
	if err := f.consumed(ctx); err != nil {
		return 0, err
	}
	began, before := time.Now(), f.shop.Written()
	for time.Since(began) < measured {
		f.shop.Trade(ctx, 1000)
	}
	if err := errors.Join(f.shop.Flush(ctx), f.consumedWithin(ctx, 5*patience)); err != nil {
		return 0, err
	}
	rate := int(float64(f.shop.Written()-before) / time.Since(began).Seconds())
	f.remark("sustainable: %d events/s", rate)
	return rate, nil
}

// soak trades for long while something is killed, stopped or restarted now and
// then, and looks whether anything grows: in one worker too, who is stopped but
// never ended.
func soak(ctx context.Context, f *field) error {
	if soakFor == 0 {
		return errors.New("say how long: -soak 30m")
	}
	f.dose = int(soakFor.Seconds())
	sustainable, err := f.sustainable(ctx)
	if err != nil {
		return err
	}
	f.feed(ctx, sustainable/2)
	client := redis.NewClient(&redis.Options{Addr: f.redis.Addr(), DisableIdentity: true})
	defer func() { _ = client.Close() }()
	old := f.running()[0]
	var samples []sample
	const every = 5 * time.Second
	began, next := time.Now(), 20*time.Second
	for time.Since(began) < soakFor {
		if err := f.pause(ctx, every); err != nil {
			return err
		}
		if since := time.Since(began); since > next {
			next = since + 20*time.Second + time.Duration(f.chance.Int64N(int64(20*time.Second)))
			f.runs++
			if err := f.accident(ctx, old); err != nil {
				return err
			}
		}
		if s, err := f.sample(ctx, client, old, time.Since(began)); err == nil { // not while shards change hands
			samples = append(samples, s)
		}
	}
	f.remark("%d samples", len(samples))
	samples = slices.DeleteFunc(samples, func(s sample) bool { return s.at < soakFor/3 }) // caches fill at first
	samples = minutes(samples)
	if n := len(samples); n == 0 || float64(n) < soakFor.Minutes()/3 || samples[n-1].at < soakFor*9/10 {
		return fmt.Errorf("there are samples of %d minutes only: the workers were hardly ever at rest", n)
	}
	for i, name := range sampleNames {
		slope, deviation, mean := trend(samples, i)
		f.remark("%s %.4g, %+.3g ± %.2g an hour", name, mean, slope, deviation)
		if !flat(slope, deviation, mean) {
			err = errors.Join(err, fmt.Errorf("%s grow by %.3g ± %.2g an hour from %.4g", name, slope, deviation, mean))
		}
	}
	return err
}

// flat reports that something does not surely grow by a tenth of itself an hour.
func flat(slope, deviation, mean float64) bool { return slope-3*deviation <= mean/10 }

// accident is one of what happens to servers and workers; old is not ended.
func (f *field) accident(ctx context.Context, old *service.Worker) error {
	young := slices.DeleteFunc(f.running(), func(w *service.Worker) bool { return w == old })
	if len(young) != fleet-1 {
		return fmt.Errorf("%d workers are left besides the one that is to grow old, not %d", len(young), fleet-1)
	}
	one := young[f.chance.IntN(len(young))]
	since := time.Now()
	switch f.chance.IntN(5) {
	case 0, 1:
		f.kill(one)
		if _, err := f.start(ctx); err != nil {
			return err
		}
	case 2:
		if _, err := f.terminate(ctx, one); err != nil {
			return err
		}
		if _, err := f.start(ctx); err != nil {
			return err
		}
	case 3:
		w := f.any()
		w.Signal(syscall.SIGSTOP)
		if err := f.pause(ctx, 3*session); err != nil {
			return err
		}
		w.Signal(syscall.SIGCONT)
	default:
		if err := f.redis.Restart(); err != nil {
			return err
		}
		since = time.Now()
	}
	return f.recovers(ctx, since)
}

// sample is how large everything is at one moment at which all is as it was at the
// last one: every worker ready, and the shards shared evenly.
type sample struct {
	at     time.Duration
	values [6]float64
}

var sampleNames = [6]string{"the old worker's MB", "its goroutines", "its file descriptors", "Redis keys", "Redis MB", "changes in outboxes"}

func (f *field) sample(ctx context.Context, client *redis.Client, old *service.Worker, at time.Duration) (s sample, err error) {
	s.at = at
	memory, err := memoryOf(old)
	if err != nil {
		return s, err
	}
	s.values[0] = float64(memory) / (1 << 20)
	for _, w := range f.running() {
		report, err := w.Ready(ctx)
		if err != nil {
			return s, err
		}
		if live := report.Shards[pipeline.Live.String()]; !report.OK || live != shards/fleet {
			return s, fmt.Errorf("worker %d has %d shards, and says %+v", w.Number, live, report.Reasons)
		}
		metrics, err := w.Metrics(ctx)
		if err != nil {
			return s, err
		}
		if w == old {
			s.values[1], s.values[2] = metrics["go_goroutines"], metrics["process_open_fds"]
		}
		s.values[5] += metrics["tidemark_outbox_changes"]
	}
	size, err := client.DBSize(ctx).Result()
	if err != nil {
		return s, err
	}
	info, err := client.InfoMap(ctx, "memory").Result()
	if err != nil {
		return s, err
	}
	var used float64
	_, err = fmt.Sscan(info["Memory"]["used_memory"], &used)
	s.values[3], s.values[4] = float64(size-int64(f.probes.sent)), used/(1<<20) // probes are customers of ours
	return s, err
}

// minutes are the means of the samples of each minute: what is seen within seconds
// goes back to the same accident, and is no observation of its own.
func minutes(samples []sample) (means []sample) {
	for len(samples) > 0 {
		n := slices.IndexFunc(samples, func(s sample) bool { return s.at >= samples[0].at+time.Minute })
		if n < 0 {
			n = len(samples)
		}
		var mean sample
		for _, s := range samples[:n] {
			mean.at += s.at / time.Duration(n)
			for i, v := range s.values {
				mean.values[i] += v / float64(n)
			}
		}
		means, samples = append(means, mean), samples[n:]
	}
	return means
}

// trend is the slope of the least-squares line through the samples, per hour, with
// its standard error, and their mean.
func trend(samples []sample, value int) (slope, deviation, mean float64) {
	n := float64(len(samples))
	if n < 3 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	var middle float64
	for _, s := range samples {
		middle += s.at.Hours() / n
		mean += s.values[value] / n
	}
	var xx, xy float64
	for _, s := range samples {
		x := s.at.Hours() - middle
		xx += x * x
		xy += x * (s.values[value] - mean)
	}
	slope = xy / xx
	var rest float64
	for _, s := range samples {
		off := s.values[value] - mean - slope*(s.at.Hours()-middle)
		rest += off * off
	}
	return slope, math.Sqrt(rest / (n - 2) / xx), mean
}

// leash lets the workers run for a part of the time only, as a limit of CPU time
// would, until it is slackened: the shop shares the machine with them, and could
// not outrun them otherwise.
func (f *field) leash() (slacken func()) {
	const run, rest = 10 * time.Millisecond, 190 * time.Millisecond
	off, done := make(chan struct{}), make(chan struct{})
	signal := func(s syscall.Signal) {
		for _, w := range f.running() {
			w.Signal(s)
		}
	}
	go func() {
		defer close(done)
		for {
			signal(syscall.SIGCONT)
			select {
			case <-off:
				return
			case <-time.After(run):
			}
			signal(syscall.SIGSTOP)
			time.Sleep(rest)
		}
	}()
	return sync.OnceFunc(func() {
		close(off)
		<-done
	})
}

// overload trades at four times of what the workers can take, and sees that they
// neither grow without bound nor give up, and catch up when it is over.
func overload(ctx context.Context, f *field) error {
	const times = 4
	if overloadFor == 0 {
		return errors.New("say how long: -overload 5m")
	}
	f.dose, f.runs = int(overloadFor.Seconds()), 1
	slacken := f.leash()
	defer slacken()
	sustainable, err := f.sustainable(ctx)
	if err != nil {
		return err
	}
	first := f.running()
	began, before := time.Now(), f.shop.Written()
	var most, early int64 // memory at most, and in the first half
	for time.Since(began) < overloadFor && ctx.Err() == nil {
		f.shop.Trade(ctx, 1000)
		behind := int64(time.Since(began).Seconds()*times*float64(sustainable)) - (f.shop.Written() - before)
		if behind < 0 {
			if err := f.pause(ctx, 10*time.Millisecond); err != nil {
				return err
			}
		}
		if memory, err := f.memory(); err == nil {
			most = max(most, memory)
			if time.Since(began) < overloadFor/2 {
				early = most
			}
		}
	}
	lasted := time.Since(began)
	written := f.shop.Written() - before
	if err := f.shop.Flush(ctx); err != nil {
		return err
	}
	over := time.Now()
	slacken()
	limit := time.Duration(2*times)*overloadFor + patience
	if err := f.consumedWithin(ctx, limit); err != nil {
		return err
	}
	f.recovered = append(f.recovered, time.Since(over))
	reached := float64(written) / lasted.Seconds() / float64(sustainable)
	f.remark("%.1f times of it for %.0f s; workers' memory at most %d MB, %d in the first half; recovery is until the last event was consumed, with all of the machine",
		reached, lasted.Seconds(), most>>20, early>>20)
	if reached < times-0.5 {
		return fmt.Errorf("the shop wrote only %.1f times of what the workers can take", reached)
	}
	if most > early+early/4 {
		return errors.New("the workers' memory grew on in the second half")
	}
	for i, w := range f.running() {
		if w != first[i] {
			return errors.New("a worker was started again")
		}
	}
	return nil
}
