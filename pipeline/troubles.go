package pipeline

import (
	"context"
	"errors"

	"go.uber.org/zap"
)

// troubles logs what goes wrong with a shard's I/O: when it begins, then once in
// a while for as long as it lasts, and when it is over. The shard tries again by
// itself; somebody may have to mend the cause.
type troubles struct {
	log   *zap.Logger
	kinds [opKinds]trouble
}

type trouble struct {
	failures int64
	since    int64 // tick
	told     int64 // tick
	err      error
}

const troubleInterval = 30_000 // ms between lines about one trouble

// tell takes the answer to an I/O. That a worker is fenced, or that it leaves,
// is no trouble.
func (t *troubles) tell(op *Op, tick int64) {
	now := &t.kinds[op.Kind]
	switch {
	case op.Err == nil && now.failures > 0:
		t.log.Info("works again", zap.Stringer("io", op.Kind), zap.Int64("failures", now.failures))
		*now = trouble{}
	case op.Err == nil || fenced(op.Err) || errors.Is(op.Err, context.Canceled):
	default:
		if now.failures == 0 {
			now.since = tick
		}
		now.err = op.Err
		if now.failures == 0 || tick-now.told >= troubleInterval {
			t.log.Warn("trying again", zap.Stringer("io", op.Kind), zap.Error(op.Err), zap.Int64("failures", now.failures+1))
			now.told = tick
		}
		now.failures++
	}
}

// failing returns why an I/O has failed for so long, nil if none has.
func (t *troubles) failing(tick, age int64) error {
	for i := range t.kinds {
		if k := &t.kinds[i]; k.failures > 0 && tick-k.since >= age {
			return k.err
		}
	}
	return nil
}
