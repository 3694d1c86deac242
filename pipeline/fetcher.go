package pipeline

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline/metrics"
	"github.com/tidemark/tidemark/pipeline/source"
)

// How a fetcher asks. A long poll ends as soon as one partition has something.
const (
	longPoll      = 100 * time.Millisecond
	noPoll        = 0
	fetchInterval = 5 * time.Millisecond
	fetchTimeout  = 30 * time.Second
	maxFetch      = 16 << 20
	fetchPause    = 100 * time.Millisecond // after an error, doubled up to
	maxPause      = 2 * time.Second

	lookupTimeout = 500 * time.Millisecond // of who leads what, which kafka-go nearly always knows
	lookupPause   = time.Second            // after one that failed
)

// fetcher reads inputs of all shards with one request at a time to each broker,
// instead of one long poll per partition. There are two: one waits at the logs'
// ends; the other reads where more is known to be there, so that a shard far
// behind never waits for those that are not. No broker waits for another one.
type fetcher struct {
	log    Log
	logger *zap.Logger
	meter  *metrics.Metrics
	poll   time.Duration // how long the broker may wait for something to come
	tick   func() int64

	leaders  map[input]int32 // as far as is known; only run looks at it
	lookedUp int64           // tick of the last lookup that failed

	mu      sync.Mutex
	wants   map[*driver][]source.Position
	asked   map[input]bool          // those that are being asked for
	busy    map[int32]bool          // brokers that have not answered yet
	pauses  map[int32]time.Duration // of those whose last answer was an error
	ailing  map[input]*ailment
	resting map[input]time.Time // inputs that are not asked for before
	wake    chan struct{}
}

// input is one partition; the zero one stands for all of them.
type input struct {
	topic     string
	partition int32
}

// ailment is an input that cannot be read.
type ailment struct {
	since int64 // tick
	told  int64 // tick
	pause time.Duration
	err   error
}

func newFetcher(log Log, logger *zap.Logger, meter *metrics.Metrics, poll time.Duration, tick func() int64) *fetcher {
	return &fetcher{log: log, logger: logger, meter: meter, poll: poll, tick: tick, leaders: map[input]int32{},
		wants: map[*driver][]source.Position{}, asked: map[input]bool{}, busy: map[int32]bool{}, pauses: map[int32]time.Duration{},
		ailing: map[input]*ailment{}, resting: map[input]time.Time{}, wake: make(chan struct{}, 1)}
}

// want says where a shard reads on; it replaces what the shard said before.
func (f *fetcher) want(d *driver, at []source.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(at) == 0 {
		delete(f.wants, d)
		return
	}
	f.wants[d] = append(f.wants[d][:0], at...)
	for _, p := range at {
		if !f.asked[input{p.Topic, p.Partition}] {
			f.turn()
			return
		}
	}
}

// turn makes run look again at what is to be asked.
func (f *fetcher) turn() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// next returns every position that is wanted, not being asked for, and not
// resting after an error.
func (f *fetcher) next() []source.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	var at []source.Position
	for _, wants := range f.wants {
		for _, p := range wants {
			if id := (input{p.Topic, p.Partition}); !f.asked[id] && (f.resting[id].IsZero() || !time.Now().Before(f.resting[id])) {
				at = append(at, p)
			}
		}
	}
	return at
}

// lead returns who leads each position. A lookup that takes long or fails must not
// hold up brokers that are well: then it is by what was known.
func (f *fetcher) lead(ctx context.Context, at []source.Position) []int32 {
	if f.lookedUp == 0 || f.tick()-f.lookedUp >= lookupPause.Milliseconds() {
		bounded, cancel := context.WithTimeout(ctx, lookupTimeout)
		leaders, err := f.log.Leaders(bounded, at)
		cancel()
		if err == nil {
			f.lookedUp = 0
			for i, p := range at {
				f.leaders[input{p.Topic, p.Partition}] = leaders[i]
			}
			return leaders
		}
		f.lookedUp = max(f.tick(), 1)
	}
	leaders := make([]int32, len(at))
	for i, p := range at {
		leader, known := f.leaders[input{p.Topic, p.Partition}]
		if leaders[i] = leader; !known {
			leaders[i] = source.NoLeader // whoever is asked says why
		}
	}
	return leaders
}

// run fetches until ctx ends.
func (f *fetcher) run(ctx context.Context) error {
	var rounds sync.WaitGroup
	defer rounds.Wait()
	for {
		if at := f.next(); len(at) > 0 {
			for _, r := range f.divide(at, f.lead(ctx, at)) {
				rounds.Go(func() { f.ask(ctx, r) })
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.wake:
		}
	}
}

// round is one request to one broker.
type round struct {
	broker int32
	at     []source.Position
	owners map[input]*driver
}

// divide makes a round for every broker that is not busy.
func (f *fetcher) divide(at []source.Position, leaders []int32) []*round {
	f.mu.Lock()
	defer f.mu.Unlock()
	free := map[int32]*round{}
	for i, p := range at {
		if f.busy[leaders[i]] {
			continue
		}
		r := free[leaders[i]]
		if r == nil {
			r = &round{broker: leaders[i], owners: map[input]*driver{}}
			free[leaders[i]] = r
		}
		r.at = append(r.at, p)
	}
	rounds := make([]*round, 0, len(free))
	for _, r := range free {
		f.busy[r.broker] = true
		for _, p := range r.at {
			f.asked[input{p.Topic, p.Partition}] = true
		}
		rounds = append(rounds, r)
	}
	for d, wants := range f.wants {
		for _, p := range wants {
			for _, r := range rounds {
				r.owners[input{p.Topic, p.Partition}] = d
			}
		}
	}
	return rounds
}

// done lets the broker be asked again.
func (f *fetcher) done(r *round) {
	f.mu.Lock()
	delete(f.busy, r.broker)
	for _, p := range r.at {
		delete(f.asked, input{p.Topic, p.Partition})
	}
	f.mu.Unlock()
	f.turn()
}

// ask makes one request. Shards answer every delivery with where they read on
// before the next request to that broker goes out, so that nothing is asked for
// twice.
func (f *fetcher) ask(ctx context.Context, r *round) {
	defer f.done(r)
	asked := f.tick()
	began := time.Now()
	answers, err := f.fetch(ctx, r.at)
	if ctx.Err() != nil {
		return
	}
	f.tell(input{}, err, asked)
	if err != nil {
		answers = unanswered(r.at, err)
	} else {
		for i := range answers {
			f.tell(input{answers[i].Topic, answers[i].Partition}, answers[i].Err, asked)
		}
	}
	f.deliver(ctx, answers, asked, r.owners)
	if pause := f.pause(r.broker, err != nil); pause > 0 {
		sleep(ctx, pause)
	} else if f.poll > 0 {
		if rest := fetchInterval - time.Since(began); rest > 0 {
			sleep(ctx, rest)
		}
	}
}

// pause is how long a broker is let alone after a request that failed as a whole;
// it doubles with every further one.
func (f *fetcher) pause(broker int32, failed bool) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !failed {
		delete(f.pauses, broker)
		return 0
	}
	pause := max(f.pauses[broker], fetchPause)
	f.pauses[broker] = min(2*pause, maxPause)
	return pause
}

func (f *fetcher) fetch(ctx context.Context, at []source.Position) ([]source.Fetched, error) {
	bounded, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	return f.log.Fetch(bounded, at, f.poll, maxFetch)
}

// unanswered tells shards that a request failed as a whole.
func unanswered(at []source.Position, err error) []source.Fetched {
	answers := make([]source.Fetched, len(at))
	for i, p := range at {
		answers[i] = source.Fetched{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset, Err: err}
	}
	return answers
}

// deliver hands every answer to its shard and waits until all have read them.
func (f *fetcher) deliver(ctx context.Context, answers []source.Fetched, asked int64, owners map[input]*driver) {
	var read sync.WaitGroup
	for _, a := range answers {
		d := owners[input{a.Topic, a.Partition}]
		if d == nil {
			continue
		}
		read.Add(1)
		select {
		case d.fetched <- delivery{fetched: a, asked: asked, read: read.Done}:
		case <-d.gone:
			read.Done()
		case <-ctx.Done():
			read.Done()
		}
	}
	read.Wait() // a shard that took a delivery always reads it
}

// tell logs an input that cannot be read: at first, then once in a while, and
// when it can be read again. Such an input rests, the others do not.
func (f *fetcher) tell(at input, err error, tick int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ails := f.ailing[at]
	if err == nil {
		if ails != nil {
			delete(f.ailing, at)
			delete(f.resting, at)
			f.about(at).Info("can be read again")
		}
		return
	}
	f.meter.Failed("fetch")
	if ails == nil {
		ails = &ailment{since: tick, told: tick - troubleInterval, pause: fetchPause}
		f.ailing[at] = ails
	}
	if ails.err = err; tick-ails.told >= troubleInterval {
		ails.told = tick
		f.about(at).Warn("reading; trying again", zap.Error(err))
	}
	if at != (input{}) && !source.OutOfRange(err) {
		f.resting[at] = time.Now().Add(ails.pause)
		time.AfterFunc(ails.pause, f.turn)
		ails.pause = min(2*ails.pause, maxPause)
	}
}

// failing returns what of a shard's inputs could not be read for so long, nil if
// there is none.
func (f *fetcher) failing(shard int32, tick, age int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for at, ails := range f.ailing {
		if (at.partition == shard || at == input{}) && tick-ails.since >= age {
			return ails.err
		}
	}
	return nil
}

func (f *fetcher) about(at input) *zap.Logger {
	if at == (input{}) {
		return f.logger.With(zap.String("topic", "all inputs"))
	}
	return f.logger.With(zap.String("topic", at.topic), zap.Int32("partition", at.partition))
}

// sleep waits; false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
