package sim

import "math/rand/v2"

// faults are what a run has to survive, all of it over by the tick until. The
// numbers are of events at random moments; the probabilities are per I/O.
type faults struct {
	until int64 // virtual ms

	Crashes    int // of a worker, which comes back
	Pauses     int // of a worker; longer than the session time-out it is a zombie
	Departures int // of a worker that drains first, and comes back
	Restarts   int // of Redis, with everything it had
	Rollbacks  int // of Redis, to any earlier state
	Flushes    int // of Redis: nothing is left
	Refusals   int // a while in which Redis answers with an error
	Cuts       int // of one shard's connection to Redis
	Outages    int // a while in which Kafka answers nothing
	Skews      int // steps of one worker's clock

	Failovers  int  // of Redis to a replica that lacks a tail; the old server lives on for a while
	SlotMoves  int  // of a shard to another node of a Redis Cluster
	Lags       int  // a while in which no replica of Redis keeps up: nothing becomes durable
	RedisSkews int  // steps of Redis's clock
	redisAhead bool // those go ahead of the time; then no worker's does
	Elections  int  // of a partition's leader: none for a while, then one with an old high watermark
	Unclean    int  // of a leader that lacks a tail of the log
	Absences   int  // a while in which a topic cannot be used, most often that of the dead letters
	Strangers  int  // a worker with another policy or partition count joins for a while
	Upgrade    bool // workers of the next release, with a newer stored form, beside those of this one
	WritesFail int  // a while in which Redis refuses writes and answers reads

	LostRequest float64 // it never arrives
	LostReply   float64 // it has its effect, but nobody hears
	LateEffect  float64 // it has its effect after the client gave up
	Refused     float64 // an error at once, without effect
	Twice       float64 // a produce request that lands two times
	Corrupt     float64 // an answer with fetched batches of which one bit is wrong
	Slow        float64 // a request or an answer that takes up to two seconds
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
	f.Crashes, f.Pauses, f.Departures = few(0.5, 4), few(0.4, 3), few(0.3, 3)
	f.Restarts, f.Refusals, f.Cuts = few(0.3, 3), few(0.3, 3), few(0.4, 6)
	f.Outages, f.Skews = few(0.3, 3), few(0.2, 3)
	if chance(rng, 0.45) {
		f.Rollbacks, f.Flushes = between(rng, 1, 4), few(0.3, 2)
	}
	if chance(rng, 0.6) {
		worst := oneOf(rng, 0.005, 0.02, 0.06)
		f.LostRequest, f.LostReply = rng.Float64()*worst, rng.Float64()*worst
		f.LateEffect, f.Refused = rng.Float64()*worst, rng.Float64()*worst
		f.Twice, f.Slow, f.Corrupt = rng.Float64()*worst, rng.Float64()*worst, rng.Float64()*worst
	}
	if chance(rng, 0.05) {
		return faults{until: f.until}
	}
	return f
}

// drawMore adds the faults that most runs do without: those of servers that are
// several, and of people.
func (f *faults) drawMore(rng *rand.Rand, s *Scenario) {
	if f.quiet() || chance(rng, 0.3) {
		return
	}
	few := func(p float64, most int) int {
		if chance(rng, p) {
			return between(rng, 1, most)
		}
		return 0
	}
	f.Elections, f.Absences, f.WritesFail = few(0.35, 5), few(0.3, 4), few(0.2, 3)
	f.SlotMoves, f.Lags, f.RedisSkews = few(0.25, 4), few(0.2, 3), few(0.25, 4)
	f.redisAhead = f.RedisSkews > 0 && chance(rng, 0.5)
	f.Upgrade = chance(rng, 0.12)
	// Of what follows, each needs to know what else the servers lose.
	switch draw := rng.Float64(); {
	case s.Truncation.kind != "":
	case draw < 0.3:
		f.Failovers = between(rng, 1, 4)
	case draw < 0.45:
		f.Strangers = between(rng, 1, 3)
		f.Rollbacks, f.Flushes = 0, 0
	case draw < 0.8 && s.Wall:
		f.Unclean = between(rng, 1, 4)
		f.Rollbacks, f.Flushes = 0, 0
	}
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
	many(f.Crashes, func() { w.someWorker((*Worker).crash) })
	many(f.Pauses, func() { w.someWorker((*Worker).pause) })
	many(f.Departures, func() { w.someWorker((*Worker).depart) })
	many(f.Skews, func() { w.someWorker((*Worker).stepClock) })
	many(f.Restarts, func() { w.restartRedis() })
	many(f.Rollbacks, func() { w.rollBack() })
	many(f.Flushes, func() { w.flush() })
	many(f.Refusals, func() { w.refuse() })
	many(f.Cuts, func() { w.someWorker((*Worker).cutSession) })
	many(f.Outages, func() { w.outage() })
	w.at(f.until*1000, w.calm)
	w.scheduleMore()
}

// scheduleMore draws from randomness of its own, so that a run without these
// faults stays what it is.
func (w *World) scheduleMore() {
	f := &w.s.Faults
	many := func(n int, what func()) {
		for range n {
			w.at(between(w.more, 100, f.until)*1000, func() {
				if !w.calmed {
					what()
				}
			})
		}
	}
	many(f.Failovers, w.failOver)
	many(f.SlotMoves, w.moveSlot)
	many(f.Lags, w.lagReplicas)
	many(f.RedisSkews, w.stepRedisClock)
	many(f.Elections, func() { w.elect(false) })
	many(f.Unclean, func() { w.elect(true) })
	many(f.Absences, w.missTopic)
	many(f.Strangers, w.letStrangerIn)
	many(f.WritesFail, w.refuseWrites)
	if f.Upgrade {
		many(3*len(w.workers), w.release)
	}
}

// someWorker lets a fault strike one of the workers.
func (w *World) someWorker(strike func(*Worker)) { strike(w.workers[w.rng.IntN(len(w.workers))]) }

func (w *World) restartRedis() {
	w.tracef("redis restarts")
	w.totals.Restarts++
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
	w.rollBackTo(recent(w.rng, first, w.redis.Writes()-1))
}

// recent draws from a range of writes, late ones more often: that is what
// fail-overs lose.
func recent(rng *rand.Rand, first, last int) int {
	to := between(rng, first, last)
	if chance(rng, 0.5) {
		to = max(first, last-rng.IntN(8))
	}
	return to
}

// forgetsMeanwhile lets Redis, now and then, roll back while a produce request is
// under way: what it is about was stored, and will not be.
func (w *World) forgetsMeanwhile() bool {
	if w.calmed || w.s.Faults.Rollbacks == 0 || w.s.Durable || !chance(w.rng, 0.02) {
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
	before, after *shardData // what was lost ended in before
	when          int64      // virtual µs
	read          int64      // where the changes partition ended when it was read next; -1: it was not
	readAt        int64      // virtual µs at which it was, by whom
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
	w.totals.Refusals++
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
	w.calmServers()
	for _, worker := range w.workers {
		if !w.s.Wall && len(w.losses) > 0 || w.totals.Unclean > 0 || w.s.Faults.Upgrade {
			worker.die()
		}
		worker.release = w.s.release()
		worker.recover()
	}
}
