package pipeline

// damaged takes over again to fetch bytes anew that could not be read. Where this
// does not help the log itself is damaged.
func (s *Shard) damaged(l *lane) {
	if s.damage.topic != l.topic || s.damage.offset != l.position {
		s.damage = damage{topic: l.topic, offset: l.position}
	}
	s.damage.times++
	if s.damage.times >= maxDamage {
		s.halt(unreadableLog(l.topic, l.position, l.broken))
		return
	}
	s.lose("unreadable batch")
}

// damage is where a log could not be read, and how often in a row.
type damage struct {
	topic  string
	offset int64
	times  int
}

const maxDamage = 10
