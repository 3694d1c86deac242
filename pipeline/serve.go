package pipeline

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"
)

// DrainTimeout is how long shards may take to bring to rest what they have in
// hand before they are given back. What was not stored by then the next owner
// reads again.
const DrainTimeout = 5 * time.Second

// commitInterval is how often the group is told where the shards are. Only
// tools that show lag read it; a take-over goes by what Redis says.
const commitInterval = 5 * time.Second

// Serve drives the shards that the group gives this worker, share after share,
// until it is drained, ctx ends, or every shard of the share has finished (a
// replay). A shard that stops with a reason stays stopped, and the others go on:
// Status tells.
func (p *Pipeline) Serve(ctx context.Context, members Members) error {
	joining, cancel := context.WithCancel(ctx)
	defer cancel()
	leave := make(chan struct{})
	defer close(leave)
	go func() {
		select {
		case <-p.drain:
			cancel() // whoever waits for a share need not wait for it any more
		case <-leave:
		}
	}()
	defer p.own(nil, false)
	return p.reading(ctx, func(ctx context.Context) error {
		defer members.Leave()
		for {
			share, err := members.Next(joining)
			if err != nil {
				if p.draining() && ctx.Err() == nil {
					return nil
				}
				return err
			}
			finished, err := p.work(ctx, share)
			p.own(nil, false)
			share.Release()
			if err != nil || finished || p.draining() {
				return err
			}
		}
	})
}

func (p *Pipeline) draining() bool {
	select {
	case <-p.drain:
		return true
	default:
		return false
	}
}

// work drives one share until it is over or this worker leaves, and brings it to
// rest. True if every shard of it has finished.
func (p *Pipeline) work(ctx context.Context, share *Share) (finished bool, err error) {
	drain := make(chan struct{})
	drivers, err := p.drivers(share.Shards, share.Group, drain)
	if err != nil {
		return false, err
	}
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	var shards sync.WaitGroup
	for _, d := range drivers {
		shards.Go(func() { d.serve(working) })
	}
	ended := make(chan struct{})
	go func() {
		shards.Wait()
		close(ended)
	}()
	p.attend(ctx, share, drivers, ended)
	close(drain)
	patience := time.NewTimer(DrainTimeout)
	defer patience.Stop()
	select {
	case <-ended:
	case <-ctx.Done():
	case <-patience.C:
		p.config.Log.Warn("shards were not at rest in time: what they had in hand is read again",
			zap.Duration("after", DrainTimeout))
	}
	cancel()
	<-ended
	return allFinished(drivers), ctx.Err()
}

// attend waits until the share is over, the worker leaves or every shard has
// finished, and tells the group meanwhile where the shards are.
func (p *Pipeline) attend(ctx context.Context, share *Share, drivers []*driver, ended <-chan struct{}) {
	if len(drivers) == 0 || !allEnd(p.config.WallClock) {
		ended = nil // shards that stopped are still ours
	}
	tell := time.NewTicker(commitInterval)
	defer tell.Stop()
	for {
		select {
		case <-share.Over:
			return
		case <-p.drain:
			return
		case <-ctx.Done():
			return
		case <-ended:
			if allFinished(drivers) {
				return
			}
			ended = nil
		case <-tell.C:
			for _, d := range drivers {
				d.tellGroup(ctx)
			}
		}
	}
}

// allEnd reports that shards come to an end by themselves: those of a replay do.
func allEnd(wallClock bool) bool { return !wallClock }

func allFinished(drivers []*driver) bool {
	for _, d := range drivers {
		if status := d.standing(); status.Phase != Ended || status.Stop != nil || !status.Finished {
			return false
		}
	}
	return len(drivers) > 0
}

// serve runs the driver. Why it stopped stays in its status.
func (d *driver) serve(ctx context.Context) {
	err := d.run(ctx)
	var stop *Stop
	switch {
	case errors.As(err, &stop):
		d.log.Error("the shard stopped", zap.String("code", stop.Code), zap.String("reason", stop.Reason), zap.String("remedy", stop.Remedy))
		d.meter.Stopped(stop.Code)
	case err != nil && ctx.Err() == nil:
		d.log.Error("the shard ended", zap.Error(err))
	default:
		d.log.Info("given back")
	}
}

// tellGroup commits what the shard has stored to the group, while it is live.
func (d *driver) tellGroup(ctx context.Context) {
	status := d.standing()
	if status.Phase != Live || len(status.State.Topics) == 0 {
		return
	}
	offsets := make(map[string]int64, len(status.State.Topics))
	for i := range status.State.Topics {
		offsets[status.State.Topics[i].Name] = status.State.Topics[i].Next
	}
	if err := d.group.Commit(ctx, d.config.Shard, offsets); err != nil {
		d.log.Debug("telling the group where the shard is", zap.Error(err)) // its end shows by itself
	}
}
