package lifecycle

import (
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Rules are a policy's lifecycle settings, ready for evaluation. Durations are
// in milliseconds.
type Rules struct {
	loyalOrders        int
	window             int64
	activeWithin       int64
	churnAfter         int64
	engagedWithin      int64
	prospectChurnAfter int64
}

// New takes the lifecycle settings out of a policy, which has been validated.
func New(p *policy.Policy) Rules {
	return Rules{
		loyalOrders:        p.Lifecycle.LoyalOrders,
		window:             int64(p.Window),
		activeWithin:       int64(p.Lifecycle.ActiveWithin),
		churnAfter:         int64(p.Lifecycle.ChurnAfter),
		engagedWithin:      int64(p.Lifecycle.EngagedWithin),
		prospectChurnAfter: int64(p.Lifecycle.ProspectChurnAfter),
	}
}

// Evaluate returns the customer's segment at t, the first instant after t at
// which it differs if no event arrives (profile.None where it stays for good)
// and the segment that begins there. t is not before the latest event in p.
func (r Rules) Evaluate(p *profile.Profile, t int64) (seg segment.Segment, deadline int64, next segment.Segment) {
	if p.FirstSeen == profile.None {
		return segment.None, profile.None, segment.None
	}
	b := r.bounds(p, t)
	seg = b.at(t)
	deadline = b.after(seg)
	if deadline == profile.None {
		return seg, profile.None, segment.None
	}
	return seg, deadline, b.at(deadline)
}
