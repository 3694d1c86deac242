package sim

import "fmt"

// failOver makes a replica of Redis the master that everybody is led to from now
// on. What had not reached it is lost. The old master does not know: whoever has
// a connection to it goes on there, a while.
func (w *World) failOver() {
	if w.former != nil {
		return
	}
	first := 0
	if w.s.Durable {
		first = w.redis.durable
	}
	to := recent(w.more, first, w.redis.Writes())
	w.tracef("redis fails over to a replica at write %d of %d", to, w.redis.Writes())
	w.totals.Failovers++
	old, known := w.redis, len(w.losses)
	w.lose(func() { w.redis = old.Promote(to) })
	old.isolated = true
	w.former, w.formerLost = old, w.losses[known:]
	for _, k := range w.workers {
		if chance(w.more, 0.4) {
			k.loseServer(old)
		}
	}
	w.after(between[int64](w.more, 100, 8000)*1000, func() {
		if w.former == old {
			w.reunite()
		}
	})
}

// reunite ends the life of one of two masters, nearly always the old one's,
// which becomes a replica of the new one, and perhaps its heir.
func (w *World) reunite() {
	old := w.former
	if old == nil {
		return
	}
	w.former = nil
	for _, l := range w.formerLost {
		l.before = old.data(shardKey(l.number)) // its owners went on
	}
	if !w.s.Durable && !w.calmed && chance(w.more, 0.25) {
		w.fallBack(old)
		return
	}
	w.tracef("the old master becomes a replica")
	old.Restart()
	if !w.calmed && chance(w.more, 0.5) {
		w.failOver()
	}
}

// fallBack leads everybody to the old master again, with what it has: what the
// new one was told is lost, and the old one's owners never noticed anything.
func (w *World) fallBack(old *Redis) {
	w.tracef("the old master is the master again, as it is")
	w.totals.FallBacks++
	heir := w.redis
	w.lose(func() { w.redis, old.isolated = old, false })
	heir.Restart()
}

// someone is a customer of a shard.
type someone struct {
	number int32
	id     string
}

// expose notes that a customer may be told one version with two contents: the
// hole that the contract names. A change of an old owner landed behind what his
// heir had read of the topic, while Redis lost what had caused it.
func (w *World) expose(number int32, customer string) {
	who := someone{number, customer}
	if !w.exposed[who] {
		w.tracef("shard %d: the world may hear two things of %q", number, customer)
		w.totals.Exposed++
	}
	w.exposed[who] = true
}

// loseServer cuts a worker's connections to a server.
func (k *Worker) loseServer(server *Redis) {
	for _, r := range k.runs {
		if r.link != nil && r.link.conn != nil && r.link.conn.redis == server {
			r.link.broken, r.link.dead = errCut, true
		}
	}
}

// moveSlot moves a shard to another node of a cluster. Meanwhile nothing that
// needs several keys is done, and then the old node sends everybody away.
func (w *World) moveSlot() {
	shard := shardKey(w.more.Int32N(w.s.Partitions))
	w.tracef("%s moves to another node", shard)
	w.totals.SlotMoves++
	server := w.redis
	server.migrating[shard] = true
	w.after(between[int64](w.more, 1, 1500)*1000, func() {
		if server.migrating[shard] {
			delete(server.migrating, shard)
			server.moves[shard]++
		}
	})
}

// lagReplicas lets nothing become durable for a while: WAIT finds no replica.
func (w *World) lagReplicas() {
	w.tracef("no replica of redis keeps up")
	w.totals.Lags++
	server := w.redis
	server.lagging++
	w.after(between[int64](w.more, 50, 3000)*1000, func() { server.lagging-- })
}

// refuseWrites makes Redis answer reads only, for up to three seconds.
func (w *World) refuseWrites() {
	text := oneOf(w.more,
		"OOM command not allowed when used memory > 'maxmemory'.",
		"READONLY You can't write against a read only replica.",
		"NOREPLICAS Not enough good replicas to write.",
		"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.")
	w.tracef("redis refuses writes: %s", text)
	w.totals.Refusals++
	server := w.redis
	server.readOnly = refusal(text)
	w.after(between[int64](w.more, 10, 3000)*1000, func() { server.readOnly = nil })
}

// stepRedisClock puts Redis's clock wrong.
func (w *World) stepRedisClock() {
	w.redisSkew = oneOf[int64](w.more, -3600_000, -61_000, -700, 0)
	if w.s.Faults.redisAhead {
		w.redisSkew = oneOf[int64](w.more, 0, 700, 61_000, 3600_000)
	}
	w.tracef("redis's clock is off by %d ms", w.redisSkew)
	w.totals.ClockSteps++
}

// calmServers ends what is wrong with the servers.
func (w *World) calmServers() {
	w.reunite()
	w.redisSkew = 0
	w.redis.readOnly, w.redis.lagging = nil, 0
	for shard := range w.redis.migrating {
		w.redis.moves[shard]++
	}
	clear(w.redis.migrating)
	for topic, t := range w.kafka.topics {
		t.away = 0
		for number, log := range t.partitions {
			log.leaderless = false
			w.catchUp(place{topic, int32(number)}, log)
		}
	}
}

var errNotDurable = fmt.Errorf("redis: no replica has it")
