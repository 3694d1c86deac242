package profile

import (
	"math"
)

// sound reports whether a decoded profile could be the work of Apply and
// Expire: what the methods rely on, so that damaged bytes cannot make them
// wrong in silence. It also completes the caches. That no id occurs twice at
// different times is left unproven: it would cost as much as the rest.
func (p *Profile) sound() bool {
	p.earliest = math.MaxInt64
	for i := range p.Orders {
		o := &p.Orders[i]
		if i > 0 && !less(&p.Orders[i-1], o) || !o.sound() {
			return false
		}
		p.earliest = min(p.earliest, o.LastAt)
	}
	return p.Lifetime.sound() && (p.FirstSeen == None) == (p.LastSeen == None) && p.FirstSeen <= p.LastSeen &&
		(p.ForgottenAt != None || p.ForgetID == 0)
}

func (o *Order) sound() bool {
	for i := range o.Refunds {
		r := &o.Refunds[i]
		if i > 0 && o.Refunds[i-1].ID >= r.ID || r.Whole && r.Amount != 0 {
			return false
		}
	}
	if !o.Purchased() {
		return o.Amount == 0 && len(o.Refunds) > 0
	}
	return o.Time <= o.AmountAt && o.AmountAt <= o.LastAt
}

func (l *Lifetime) sound() bool {
	if l.Orders == 0 {
		return len(l.Days) == 0 && l.Amount == 0 && l.First == None
	}
	for i := range l.Days {
		if i > 0 && l.Days[i-1] >= l.Days[i] {
			return false
		}
	}
	return len(l.Days) > 0 && l.First <= l.Last && l.FirstDayAmount <= l.Amount &&
		l.Days[0] == Day(l.First) && l.Days[len(l.Days)-1] == Day(l.Last)
}
