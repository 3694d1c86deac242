package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pipeline/real/service"
	"github.com/tidemark/tidemark/pkg/keys"
)

func init() {
	matrix = append(matrix,
		row{name: "clock-steps", fault: "workers' clocks ±1 h, backward steps", full: 20, reduced: 2, apply: stepClocks},
		row{name: "clock-calendar", fault: "clocks ±1 h, DST, leap day: the same log by other clocks and zones", full: 4, reduced: 2, configure: replaying, policy: monthly, whole: calendar},
		row{name: "timer-wave", fault: "timers due at one instant (dose: timers)", full: 1_000_000, reduced: 4000, whole: wave},
		row{name: "down-a-day", fault: "start after 24 h down (dose: timers due)", full: 1_000_000, reduced: 4000, policy: daily, whole: downADay})
}

// clockFile is what the workers' clocks follow: a test build looks there.
func (f *field) clockFile() string { return filepath.Join(f.dir, "clock") }

// shift shifts the wall clock of workers that follow the file.
func (f *field) shift(by time.Duration) error {
	return os.WriteFile(f.clockFile(), []byte(by.String()), 0o600)
}

// stepClocks replaces a worker by one whose clock is shifted, and lets it step. The
// earlier of its clock and Redis's counts: no timer may fire early, and none is lost.
func stepClocks(ctx context.Context, f *field) error {
	shifts := []time.Duration{time.Hour, -time.Hour, 30 * time.Second, -30 * time.Second, -time.Minute, 0}
	if err := f.shift(0); err != nil {
		return err
	}
	f.kill(f.any())
	if _, err := f.start(ctx, "TIDEMARK_CLOCK="+f.clockFile()); err != nil {
		return err
	}
	watch := f.monotone(ctx)
	for i := range f.dose {
		f.runs++
		if err := f.shift(shifts[i%len(shifts)]); err != nil {
			return err
		}
		if err := f.recovers(ctx, time.Now()); err != nil {
			return err
		}
		if err := f.pause(ctx, time.Duration(f.chance.Int64N(int64(3*time.Second)))); err != nil {
			return err
		}
	}
	return errors.Join(watch(), f.shift(0))
}

// calendar runs one log that goes through a leap day and both changes of summer
// time, dated in local times, by workers whose clocks and zones differ: the changes
// are the same, byte for byte.
func calendar(ctx context.Context, f *field) error {
	if err := f.open(ctx); err != nil {
		return err
	}
	if err := f.year(ctx); err != nil {
		return err
	}
	worlds := [][]string{{"TZ=UTC"}, {"TZ=Europe/Berlin"}, {"TZ=America/New_York"}, {"TZ=Australia/Lord_Howe"}}
	shifts := []time.Duration{0, time.Hour, -time.Hour, -24 * time.Hour}
	var want map[string]bool
	for i := range f.dose {
		f.runs++
		s, err := f.beside(ctx, fmt.Sprintf("world-%d", i), true)
		if err != nil {
			return err
		}
		if err := f.shift(shifts[i]); err != nil {
			return err
		}
		f.environment = append(worlds[i], "TIDEMARK_CLOCK="+f.clockFile())
		if _, err := f.finished(ctx, s); err != nil {
			return err
		}
		got := map[string]bool{}
		if err := service.Read(ctx, f.kafka.Brokers(), []string{s.Changes}, func(r *kgo.Record) error {
			got[string(r.Value)] = true
			return nil
		}); err != nil {
			return err
		}
		if want == nil {
			want = got
		}
		if !maps.Equal(want, got) {
			return fmt.Errorf("by the clock %+v in %v there are %d changes, which are not the %d by our own", shifts[i], worlds[i], len(got), len(want))
		}
		inputs := f.service
		f.service = s
		err = f.judge(ctx)
		f.service = inputs
		if err != nil {
			return err
		}
	}
	f.remark("%d changes, the same each time", len(want))
	return nil
}

// year writes events of January to November 2024, each in the local time of one of
// three places.
func (f *field) year(ctx context.Context) error {
	var places []*time.Location
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Asia/Kolkata"} {
		place, err := time.LoadLocation(name)
		if err != nil {
			return err
		}
		places = append(places, place)
	}
	from, to := time.Date(2024, 1, 15, 0, 0, 0, 0, time.UTC), time.Date(2024, 11, 15, 0, 0, 0, 0, time.UTC)
	for i := range f.events {
		at := from.Add(to.Sub(from) / time.Duration(f.events) * time.Duration(i)).In(places[f.chance.IntN(len(places))])
		customer := fmt.Sprintf("c-%d", f.chance.IntN(max(f.events/50, 1)))
		f.shop.Write(ctx, f.service.Clicks, customer, fmt.Appendf(nil, `{"id":"y-%d","type":"click","customer_id":%q,"occurred_at":%q}`, i, customer, at.Format(time.RFC3339)))
	}
	return f.shop.Flush(ctx)
}

// wavy customers of whom nothing more is seen move all together, some time after
// they were seen, and once more later than anyone looks.
const wavy = `policy:
  name: wavy
  window: 30d
  lifecycle: {loyal_orders: 3, active_within: 10d, churn_after: 20d, engaged_within: %ds, prospect_churn_after: 20d}
`

// daily is wavy with a night in between.
const daily = `policy:
  name: daily
  window: 30d
  lifecycle: {loyal_orders: 3, active_within: 10d, churn_after: 20d, engaged_within: 12h, prospect_churn_after: 20d}
`

// wave lets many customers be seen at one instant, measures how soon visits are
// told when all is quiet, and again while all of them move to the edge.
func wave(ctx context.Context, f *field) error {
	const perSecond = 7000 // are consumed at least
	seconds := 20 + f.dose/perSecond
	f.service.Policy = fmt.Sprintf(wavy, seconds)
	if err := errors.Join(f.service.Configure(), f.open(ctx)); err != nil {
		return err
	}
	seen := time.Now()
	if err := f.crowd(ctx, seen); err != nil {
		return err
	}
	if err := f.work(ctx); err != nil {
		return err
	}
	due := seen.Add(time.Duration(seconds) * time.Second)
	quiet, cancel := context.WithDeadline(ctx, due.Add(-time.Second))
	defer cancel()
	normal, err := f.latencies(ctx, quiet)
	if err != nil {
		return err
	}
	if err := f.pause(ctx, time.Until(due)); err != nil {
		return err
	}
	return f.drainsWave(ctx, normal)
}

// downADay lets many customers be seen a day ago, by workers of whose clocks that
// is now, and starts workers of today.
func downADay(ctx context.Context, f *field) error {
	if err := f.open(ctx); err != nil {
		return err
	}
	if err := f.crowd(ctx, time.Now().Add(-25*time.Hour)); err != nil {
		return err
	}
	if err := f.shift(-24 * time.Hour); err != nil {
		return err
	}
	for range fleet {
		if _, err := f.start(ctx, "TIDEMARK_CLOCK="+f.clockFile()); err != nil {
			return err
		}
	}
	if err := f.consumed(ctx); err != nil {
		return err
	}
	for _, w := range f.running() { // they are not ready: their clocks and Redis's differ by a day
		if _, err := f.terminate(ctx, w); err != nil {
			return err
		}
	}
	began := time.Now()
	for range fleet {
		if _, err := f.start(ctx); err != nil {
			return err
		}
	}
	f.tend(ctx)
	if err := f.recovers(ctx, began); err != nil {
		return err
	}
	return f.drainsWave(ctx, nil)
}

// crowd lets as many customers as the dose says be seen at one instant.
func (f *field) crowd(ctx context.Context, at time.Time) error {
	for i := range f.dose {
		customer := fmt.Sprintf("w-%d", i)
		f.shop.Write(ctx, f.service.Clicks, customer, fmt.Appendf(nil, `{"id":"w-%d","type":"click","customer_id":%q,"occurred_at":%q}`,
			i, customer, at.UTC().Format("2006-01-02T15:04:05.000Z")))
	}
	return f.shop.Flush(ctx)
}

// drainsWave measures while timers are due, and then, if that was not done before,
// when none are; and judges.
func (f *field) drainsWave(ctx context.Context, normal []time.Duration) error {
	const most = 5                // times as long
	const first = 3 * time.Second // timer_grace, and what due leaves out: before, a wave has not come
	f.runs++
	client := redis.NewClient(&redis.Options{Addr: f.redis.Addr(), DisableIdentity: true})
	defer func() { _ = client.Close() }()
	draining, over := context.WithCancel(ctx)
	defer over()
	began := time.Now()
	var drained time.Duration
	go func() {
		defer over()
		for wait := first; f.pause(draining, wait) == nil; wait = 200 * time.Millisecond {
			if left, err := f.due(draining, client); err == nil && left == 0 {
				drained = time.Since(began)
				return
			}
		}
	}()
	during, err := f.latencies(ctx, draining)
	if err != nil {
		return err
	}
	if normal == nil {
		quiet, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if normal, err = f.latencies(ctx, quiet); err != nil {
			return err
		}
	}
	calm, busy := p99(normal), p99(during)
	f.remark("drained in %.1f s; live p99 %.0f ms normally, %.0f ms meanwhile (of %d and %d)", drained.Seconds(), ms(calm), ms(busy), len(normal), len(during))
	if f.fullDose && busy > most*calm {
		err = fmt.Errorf("live p99 is %v while timers drain, and %v normally: more than %d times", busy, calm, most)
	}
	f.stopFeed = func() {}
	return errors.Join(err, f.end(ctx), f.judge(ctx))
}

// due is how many timers have come, and not within the last second.
func (f *field) due(ctx context.Context, client *redis.Client) (sum int64, err error) {
	until := fmt.Sprint(time.Now().Add(-time.Second).UnixMilli())
	for shard := range int32(shards) {
		n, err := client.ZCount(ctx, keys.Of(f.service.Name, shard).Timers(), "-inf", until).Result()
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// latencies are how soon visits are told, of 50 a second, until that time is over;
// for the first second at least. A visit that could not be sent in time counts from
// when it should have been.
func (f *field) latencies(ctx, until context.Context) (all []time.Duration, err error) {
	const every, least = 20 * time.Millisecond, 50
	type visit struct {
		at   time.Time
		told chan time.Time
	}
	var visits []visit
	for began := time.Now(); len(visits) < least || until.Err() == nil; {
		at := began.Add(time.Duration(len(visits)) * every)
		if err := f.pause(ctx, time.Until(at)); err != nil {
			return nil, err
		}
		visits = append(visits, visit{at, f.probes.visit(ctx, f.shop)})
	}
	for _, v := range visits {
		select {
		case told := <-v.told:
			all = append(all, told.Sub(v.at))
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for visits to be told: %w", ctx.Err())
		}
	}
	return all, nil
}

func p99(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[int(math.Ceil(0.99*float64(len(sorted))))-1]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
