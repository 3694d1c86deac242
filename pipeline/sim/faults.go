package sim

import "math/rand/v2"

// faults are what a run has to survive, all of it over by the tick until. The
// numbers are of events at random moments; the probabilities are per I/O.
type faults struct {
	until int64 // virtual ms

	crashes    int // of a worker, which comes back
	pauses     int // of a worker; longer than the session time-out it is a zombie
	departures int // of a worker that drains first, and comes back
	restarts   int // of Redis, with everything it had
	rollbacks  int // of Redis, to any earlier state
	flushes    int // of Redis: nothing is left
	refusals   int // a while in which Redis answers with an error
	cuts       int // of one shard's connection to Redis
	outages    int // a while in which Kafka answers nothing
	skews      int // steps of one worker's clock

	lostRequest float64 // it never arrives
	lostReply   float64 // it has its effect, but nobody hears
	lateEffect  float64 // it has its effect after the client gave up
	refused     float64 // an error at once, without effect
	twice       float64 // a produce request that lands two times
	corrupt     float64 // an answer with fetched batches of which one bit is wrong
	slow        float64 // a request or an answer that takes up to two seconds
}

// drawFaults draws a temper: calm, rough, or one kind of trouble in particular.
func drawFaults(rng *rand.Rand) faults {
	f := faults{until: between[int64](rng, 5_000, 40_000)}
	few := func(p float64, most int) int {
		if chance(rng, p) {
			return between(rng, 1, most)
		}
		return 0
	}
	f.crashes, f.pauses, f.departures = few(0.5, 4), few(0.4, 3), few(0.3, 3)
	f.restarts, f.refusals, f.cuts = few(0.3, 3), few(0.3, 3), few(0.4, 6)
	f.outages, f.skews = few(0.3, 3), few(0.2, 3)
	if chance(rng, 0.45) {
		f.rollbacks, f.flushes = between(rng, 1, 4), few(0.3, 2)
	}
	if chance(rng, 0.6) {
		worst := oneOf(rng, 0.005, 0.02, 0.06)
		f.lostRequest, f.lostReply = rng.Float64()*worst, rng.Float64()*worst
		f.lateEffect, f.refused = rng.Float64()*worst, rng.Float64()*worst
		f.twice, f.slow, f.corrupt = rng.Float64()*worst, rng.Float64()*worst, rng.Float64()*worst
	}
	if chance(rng, 0.05) {
		return faults{until: f.until}
	}
	return f
}

// quiet reports that there are none.
func (f *faults) quiet() bool { return *f == faults{until: f.until} }

// undisturbed is the same run with one worker and nothing that goes wrong.
func (s Scenario) undisturbed() Scenario {
	s.Faults = faults{}
	s.Workers = 1
	s.Truncation = truncation{}
	return s
}

// schedule puts the faults of a run into its calendar.
func (w *World) schedule() {
	f := &w.s.Faults
	many := func(n int, what func()) {
		for range n {
			w.at(between(w.rng, 100, f.until)*1000, what)
		}
	}
	many(f.crashes, func() { w.someWorker((*Worker).crash) })
	many(f.pauses, func() { w.someWorker((*Worker).pause) })
	many(f.departures, func() { w.someWorker((*Worker).depart) })
	many(f.skews, func() { w.someWorker((*Worker).stepClock) })
	many(f.restarts, func() { w.restartRedis() })
	many(f.rollbacks, func() { w.rollBack() })
	many(f.flushes, func() { w.flush() })
	many(f.refusals, func() { w.refuse() })
	many(f.cuts, func() { w.someWorker((*Worker).cutSession) })
	many(f.outages, func() { w.outage() })
	w.at(f.until*1000, w.calm)
}

// someWorker lets a fault strike one of the workers.
func (w *World) someWorker(strike func(*Worker)) { strike(w.workers[w.rng.IntN(len(w.workers))]) }

func (w *World) restartRedis() {
	w.tracef("redis restarts")
	w.redis.Restart()
}

// rollBack puts an earlier state in the place of what Redis has. With
// durability it is none from before the last wait.
func (w *World) rollBack() {
	first := 0
	if w.s.Durable {
		first = w.redis.durable
	}
	if w.redis.Writes() <= first {
		return
	}
	// Recent states more often: that is what fail-overs lose.
	last := w.redis.Writes() - 1
	to := between(w.rng, first, last)
	if chance(w.rng, 0.5) {
		to = max(first, last-w.rng.IntN(8))
	}
	w.rollBackTo(to)
}

// forgetsMeanwhile lets Redis, now and then, roll back while a produce request is
// under way: what it is about was stored, and will not be.
func (w *World) forgetsMeanwhile() bool {
	if w.calmed || w.s.Faults.rollbacks == 0 || w.s.Durable || !chance(w.rng, 0.02) {
		return false
	}
	w.after(between[int64](w.rng, 0, 50_000), w.rollBack)
	return true
}

func (w *World) rollBackTo(write int) {
	if w.s.Durable && write < w.redis.durable {
		return
	}
	w.tracef("redis rolls back to write %d of %d", write, w.redis.Writes())
	w.totals.Rollbacks++
	w.lose(func() { w.redis.RollBack(write) })
}

func (w *World) flush() {
	if w.s.Durable {
		return
	}
	w.tracef("redis is emptied")
	w.totals.Rollbacks++
	w.lose(w.redis.Empty)
}

// loss is one shard's part in a moment at which Redis lost writes.
type loss struct {
	number        int32
	before, after *shardData
	when          int64 // virtual µs
	read          int64 // where the changes partition ended when it was read next; -1: it was not
	reader        *run
}

// lose lets Redis lose writes and notes it for the judgement of the changes.
func (w *World) lose(how func()) {
	first := len(w.losses)
	for number := range w.s.Partitions {
		w.losses = append(w.losses, &loss{number: number, when: w.now, before: w.redis.data(shardKey(number)), read: -1})
	}
	how()
	for _, l := range w.losses[first:] {
		l.after = w.redis.data(shardKey(l.number))
		h := l.after.hash
		w.tracef("shard %d is at head %s clock %s clicks %s purchases %s pub %s outbox %d", l.number, h["head"], h["clock"],
			h["next:clicks"], h["next:purchases"], h["pub"], len(l.after.outbox))
	}
}

// refusals are what Redis answers when it does not feel like it.
var refusals = []string{
	"LOADING Redis is loading the dataset in memory",
	"READONLY You can't write against a read only replica.",
	"OOM command not allowed when used memory > 'maxmemory'.",
	"BUSY Redis is busy running a script.",
	"MOVED 3999 127.0.0.1:6381",
	"CLUSTERDOWN The cluster is down",
}

// refuse makes Redis answer with errors for up to three seconds.
func (w *World) refuse() {
	text := oneOf(w.rng, refusals...)
	w.tracef("redis refuses: %s", text)
	w.redis.Refuse(refusal(text))
	w.after(between[int64](w.rng, 10, 3000)*1000, func() { w.redis.Refuse(nil) })
}

// refusal is an error answer of Redis.
type refusal string

func (r refusal) Error() string { return string(r) }

// outage makes Kafka unreachable for up to three seconds.
func (w *World) outage() {
	until := w.now + between[int64](w.rng, 10, 3000)*1000
	w.tracef("kafka is away until %d", until/1000)
	w.kafkaBack = max(w.kafkaBack, until)
}

// calm ends all faults: whoever is down comes back, and stays. A replay's
// workers all start once more, since one that has finished asks Redis nothing.
func (w *World) calm() {
	w.tracef("calm")
	w.calmed = true
	w.redis.Refuse(nil)
	w.kafkaBack = 0
	for _, worker := range w.workers {
		if !w.s.Wall && len(w.losses) > 0 {
			worker.die()
		}
		worker.recover()
	}
}
