package sim

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/recordbatch"
	"github.com/tidemark/tidemark/pipeline/source"
)

// run is one shard in one process: the production state machine, and around it
// what the driver is in production.
type run struct {
	w        *World
	worker   *Worker
	number   int32
	shard    *pipeline.Shard
	link     *link // to Redis, of the present ownership
	links    map[*pipeline.Op]*link
	token    string // of the head that it set last
	limits   pipeline.Limits
	observed []observation
	askedAt  int64 // virtual µs at which the group last said that it is the owner
	tookAt   int64 // and at which it took the shard over
	tookOn   *Redis
	fetching map[string]bool
	seen     map[string]int64 // tick at which an input was seen last, long ago where it could not be read since
	live     bool             // reads inputs
	waking   int64
	gone     bool
	refused  bool // it stopped for what is wrong with its worker
	woken    busy
}

// busy notices a shard that spins.
type busy struct {
	tick  int64
	count int
}

// spinning is how often a shard may be called within one virtual ms.
const spinning = 5000

func newRun(k *Worker, number int32) (*run, error) {
	w := k.w
	r := &run{w: w, worker: k, number: number, fetching: map[string]bool{}, seen: map[string]int64{}, links: map[*pipeline.Op]*link{}, waking: -1}
	r.limits = w.s.Limits
	if !w.s.Faults.quiet() && chance(w.rng, 0.3) {
		r.limits = drawLimits(w.rng) // another version of the configuration
	}
	if !slices.Contains(w.limits, r.limits) {
		w.limits = append(w.limits, r.limits)
	}
	shard, err := pipeline.NewShard(pipeline.ShardConfig{
		Shard: number, Partitions: k.partitions, Inputs: inputs, Changes: topicChanges, Source: cloudSource,
		Policy: k.policy, WallClock: w.s.Wall, TimerGrace: w.s.Grace, Publish: w.s.Publish,
		AcceptTruncated: w.s.Truncation.accepted, Durable: w.s.Durable, Until: w.s.Until, Limits: r.limits,
		Token:   func() string { return strconv.FormatUint(w.rng.Uint64(), 36) },
		Jitter:  w.rng.Float64,
		Observe: r.observe,
	})
	r.shard = shard
	return r, err
}

// observe keeps what the shard takes into its open batch, for the next commit.
func (r *run) observe(topic string, record *recordbatch.Record, chosen, streamTime int64, accepted bool) {
	sent := r.w.find(place{topic, r.number}, record)
	r.observed = append(r.observed, observation{topic: topic, offset: record.Offset, sent: sent, streamTime: streamTime, accepted: accepted,
		chosen: chosen - r.worker.began, now: r.w.wall()})
}

// leave stops running the shard: answers do not find it any more.
func (r *run) leave() {
	r.gone = true
	tally := r.shard.Tally()
	r.w.totals.Fenced += tally.Fenced
	for _, n := range tally.TakeOvers {
		r.w.totals.TakeOvers += n
	}
}

// pump starts everything that the shard wants started now.
func (r *run) pump() {
	if r.gone || r.w.failed != nil {
		return
	}
	if r.spins() {
		r.w.fail(fmt.Errorf("shard %d spins", r.number))
		return
	}
	now := r.worker.clock()
	for op := r.shard.Next(now); op != nil; op = r.shard.Next(now) {
		r.start(op)
	}
	if stop := r.shard.Stopped(); stop != nil {
		r.w.stop(r, stop)
		return
	}
	tail, behind := r.shard.Wants(nil, nil)
	for _, p := range append(tail, behind...) {
		r.fetch(p)
	}
	r.examineMemory()
	r.wakeLater(now)
	r.worker.drained()
}

// spins reports that the shard is called again and again while no time passes.
func (r *run) spins() bool {
	if tick := r.w.tick(); tick != r.woken.tick {
		r.woken = busy{tick: tick}
	}
	r.woken.count++
	return r.woken.count > spinning
}

// wakeLater calls the shard again when it asks to be.
func (r *run) wakeLater(now pipeline.Clock) {
	at, ok := r.shard.WakeAt(now)
	if !ok {
		r.waking = -1
		return
	}
	tick := max(at-r.worker.began, r.w.tick()+1)
	if r.waking == tick {
		return
	}
	r.waking = tick
	r.worker.soon(tick*1000-r.w.now, func() {
		if r.waking == tick {
			r.waking = -1
			r.pump()
		}
	})
}

// fetch asks one input's leader. Each input has one question under way.
func (r *run) fetch(p source.Position) {
	r.live = true
	if r.fetching[p.Topic] {
		return
	}
	r.fetching[p.Topic] = true
	w := r.w
	asked := r.worker.clock().Tick
	w.after(w.latency(), func() { r.lookFor(p, asked, w.now+between(w.rng, 0, min(300, w.s.Grace/3))*1000) })
}

// lookFor is a broker's long poll: it answers when something is there, or in
// the end that nothing is.
func (r *run) lookFor(p source.Position, asked, until int64) {
	w := r.w
	f := w.kafka.Fetch(p)
	switch {
	case w.now < w.kafkaBack || !w.calmed && chance(w.rng, w.s.Faults.LostRequest):
		f = source.Fetched{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset, Err: errTimeout}
		w.after(kafkaTimeout, func() { r.answer(f, asked, 0) })
		return
	case f.Err == nil && f.HighWatermark == p.Offset && w.now < until:
		w.after(min(until-w.now, 40_000), func() { r.lookFor(p, asked, until) })
		return
	}
	w.corrupt(&f)
	r.answer(f, asked, w.latency())
}

func (r *run) answer(f source.Fetched, asked, us int64) {
	r.worker.soon(us, func() {
		r.fetching[f.Topic] = false
		if r.gone {
			return
		}
		if r.live {
			r.seen[f.Topic] = asked
			if f.Err != nil {
				r.seen[f.Topic] = math.MinInt32
			}
		}
		r.shard.Fetched(f, asked, r.worker.clock())
		if f.Err != nil && !source.OutOfRange(f.Err) {
			// The fetcher lets an input rest that cannot be read.
			r.fetching[f.Topic] = true
			r.worker.soon(100_000, func() {
				r.fetching[f.Topic] = false
				r.pump()
			})
			return
		}
		r.pump()
	})
}
