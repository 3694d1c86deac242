package sim

import (
	"fmt"
	"time"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pkg/policy"
)

// Worker is one process: a member of the group that runs a production Shard for
// each partition it is given.
type Worker struct {
	w      *World
	id     int
	life   int // counts starts: what was on its way to an earlier one is lost
	up     bool
	barred bool // may not start: see truncation

	paused  bool
	mailbox []func() // what arrived while paused

	policy     *policy.Policy
	partitions int32 // as it thinks
	release    int

	skew       int64 // ms by which its clock is off
	origin     int64 // Redis's clock at its own tick 0, as it was measured last, unix ms
	began      int64 // its monotonic clock at virtual time 0, ms
	joins      int
	name       string // as a member of the group
	generation int
	lease      *pipeline.Lease // of the generation
	runs       []*run          // by shard
	draining   bool            // gives its shards up
	after      func()          // what comes then
}

func newWorker(w *World, id int) *Worker {
	return &Worker{w: w, id: id, policy: w.s.Policy, partitions: w.s.Partitions}
}

// soon lets something happen to this life of the process after some µs; a
// paused process finds it when it wakes.
func (k *Worker) soon(us int64, what func()) {
	life := k.life
	k.w.after(us, func() {
		switch {
		case k.life != life:
		case k.paused:
			k.mailbox = append(k.mailbox, what)
		default:
			what()
		}
	})
}

// start begins a life.
func (k *Worker) start() {
	if k.up || k.barred {
		return
	}
	k.life++
	k.up, k.paused, k.mailbox, k.runs, k.draining = true, false, nil, nil, false
	k.began = between[int64](k.w.rng, 0, 1_000_000)
	k.w.tracef("worker %d starts", k.id)
	if k.w.s.Faults.RedisSkews > 0 {
		k.measure()
	}
	k.join()
	k.beat()
}

// join asks for a place in the group.
func (k *Worker) join() {
	k.joins++
	if k.w.group.member(k.name) == nil {
		k.name = fmt.Sprintf("w%d.%d", k.id, k.joins)
	}
	name := k.name
	k.w.after(k.w.latency(), func() { k.w.group.join(name, k) })
}

// hear is an answer of the coordinator on its way.
func (k *Worker) hear(name string, what func()) {
	k.soon(k.w.latency(), func() {
		if k.up && k.name == name {
			what()
		}
	})
}

// beat tells the coordinator again and again that the process lives.
func (k *Worker) beat() {
	name, generation := k.name, k.generation
	if k.generation > 0 {
		k.w.after(k.w.sluggish(), func() {
			err := k.w.group.heartbeat(name, generation)
			k.hear(name, func() {
				if err != nil && k.generation == generation {
					k.revoked(err)
				}
			})
		})
	}
	k.soon(heartbeatEvery*1000, k.beat)
}

// assigned begins to run the shards of a generation.
func (k *Worker) assigned(name string, generation int, shards []int32) {
	k.w.tracef("worker %d has shards %v in generation %d", k.id, shards, generation)
	k.drop()
	k.generation, k.lease = generation, pipeline.NewLease(sessionTimeout*time.Millisecond, k.moment)
	for _, shard := range shards {
		r, err := newRun(k, shard)
		if err != nil {
			k.w.fail(fmt.Errorf("beginning shard %d: %w", shard, err))
			return
		}
		k.runs = append(k.runs, r)
		r.pump()
	}
}

// revoked gives the shards up and joins again. A member that the coordinator
// does not know any more often learns too late to finish anything.
func (k *Worker) revoked(err error) {
	if k.draining {
		return
	}
	k.w.tracef("worker %d: %v", k.id, err)
	k.generation = 0
	k.giveUp(k.join)
}

// giveUp drains all shards, or drops them, and then goes on.
func (k *Worker) giveUp(then func()) {
	if chance(k.w.rng, 0.3) {
		k.drop()
		then()
		return
	}
	k.draining, k.after = true, then
	runs := k.runs
	for _, r := range runs {
		r.shard.Drain()
	}
	for _, r := range runs {
		r.pump()
	}
	k.drained()
	patience := between[int64](k.w.rng, 100, drainTimeout) * 1000
	serial := k.joins
	k.soon(patience, func() {
		if k.draining && k.joins == serial {
			k.gaveUp()
		}
	})
}

// drained ends a giving up once every shard has finished.
func (k *Worker) drained() {
	if !k.draining {
		return
	}
	for _, r := range k.runs {
		if !r.shard.Drained() {
			return
		}
	}
	k.gaveUp()
}

func (k *Worker) gaveUp() {
	k.draining = false
	k.drop()
	k.after()
}

// drop forgets all shards without a word.
func (k *Worker) drop() {
	for _, r := range k.runs {
		r.leave()
	}
	k.runs = nil
	if k.lease != nil {
		k.lease.End()
	}
}

// crash ends the process at once, and brings it back later.
func (k *Worker) crash() {
	if !k.up {
		return
	}
	k.w.tracef("worker %d crashes", k.id)
	k.w.totals.Crashes++
	k.die()
	k.w.after(between[int64](k.w.rng, 20, 6000)*1000, k.start)
}

// die ends the process: nothing that is on its way to it arrives. What it sent
// may still have its effect.
func (k *Worker) die() {
	k.drop()
	k.life++
	k.up, k.paused, k.mailbox, k.draining, k.generation = false, false, nil, false, 0
}

// pause stops the process for a while; the world goes on.
func (k *Worker) pause() { k.pauseFor(between[int64](k.w.rng, 50, 9000)) }

func (k *Worker) pauseFor(ms int64) {
	if !k.up || k.paused {
		return
	}
	k.w.tracef("worker %d is paused for %d ms", k.id, ms)
	k.paused = true
	life := k.life
	if ms > sessionTimeout {
		k.w.totals.Zombies++
		if k.w.s.Faults.Rollbacks > 0 && chance(k.w.rng, 0.5) {
			k.w.after(ms*1000-between[int64](k.w.rng, 1, 300_000), func() {
				if k.life == life && k.paused && !k.w.calmed {
					k.meetOwnHead()
				}
			})
		}
	}
	k.w.after(ms*1000, func() {
		if k.life == life {
			k.resume()
		}
	})
}

// pauseHere stops a process, now and then, that the group has just told that it
// owns a shard: when it goes on to take it over that may not be so any more.
func (r *run) pauseHere() {
	if !r.w.calmed && r.w.s.Faults.Pauses > 0 && chance(r.w.rng, 0.05) {
		r.worker.pause()
	}
}

// meetOwnHead lets Redis go back to the head of a process that is about to wake
// up, and nobody else be there: the one moment at which comparing heads would
// not stop a zombie.
func (k *Worker) meetOwnHead() {
	for _, r := range k.runs {
		for write := k.w.redis.Writes() - 1; write >= 0; write-- {
			if r.token == "" || r.token != k.w.redis.tokenAt(write, shardKey(r.number)) {
				continue
			}
			k.w.rollBackTo(write)
			for _, other := range k.w.workers {
				if other != k {
					other.crash()
				}
			}
			return
		}
	}
}

// resume lets the process find what came meanwhile, in order.
func (k *Worker) resume() {
	if !k.paused {
		return
	}
	k.w.tracef("worker %d goes on", k.id)
	k.paused = false
	mail := k.mailbox
	k.mailbox = nil
	for _, what := range mail {
		k.soon(0, what)
	}
}

// depart leaves in good order, and comes back.
func (k *Worker) depart() {
	if !k.up || k.paused || k.draining {
		return
	}
	k.w.tracef("worker %d departs", k.id)
	k.generation = 0
	k.giveUp(func() {
		k.w.group.leave(k.name)
		k.die()
		k.w.after(between[int64](k.w.rng, 20, 4000)*1000, k.start)
	})
}

// stepClock puts the process's clock wrong.
func (k *Worker) stepClock() {
	k.skew = oneOf[int64](k.w.rng, -3600_000, -5000, -200, 0, 3600_000)
	k.w.totals.ClockSteps++
	k.w.tracef("worker %d's clock is off by %d ms", k.id, k.skew)
}

// cutSession cuts the connection of one shard to Redis.
func (k *Worker) cutSession() {
	if len(k.runs) == 0 {
		return
	}
	r := k.runs[k.w.rng.IntN(len(k.runs))]
	if r.link == nil {
		return
	}
	k.w.tracef("worker %d loses shard %d's connection", k.id, r.number)
	r.link.broken = errCut
	r.link.dead = chance(k.w.rng, 0.5)
}

// recover ends whatever is wrong with the process.
func (k *Worker) recover() {
	k.skew = 0
	k.resume()
	k.start()
}

// clock is what the process reads: the earlier of its own clock and Redis's.
func (k *Worker) clock() pipeline.Clock {
	skew, tick := k.skew, k.began+k.w.tick()
	if k.w.s.Faults.RedisSkews == 0 {
		return pipeline.Clock{Now: k.w.wall() + min(skew, 0), Tick: tick}
	}
	if k.w.s.Faults.redisAhead {
		skew = min(skew, 0) // nobody can know the time where both clocks are fast
	}
	return pipeline.Clock{Now: min(k.w.wall()+skew, tick+k.origin), Tick: tick}
}

// measure asks Redis for its time, again and again. In between the process
// carries it on by its own ticks.
func (k *Worker) measure() {
	if k.w.redis.refusal == nil {
		k.origin = k.w.wall() + k.w.redisSkew - k.began - k.w.tick()
	}
	k.soon(1_000_000, k.measure)
}

// moment is the time for leases, which do not follow clocks that are put wrong.
func (k *Worker) moment() time.Time { return time.UnixMicro(k.w.now) }
