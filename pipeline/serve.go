package pipeline

import (
	"context"
	"errors"
	"fmt"
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

// giveUp is how long I/O that was given up may take to end. What still reaches a
// server is fenced there.
const giveUp = 500 * time.Millisecond

// Serve drives the shards that the group gives this worker, share after share,
// until it is drained, ctx ends, or every shard of the share has come to its end (a
// replay; the reasons of those that stopped are the error). By the wall clock a
// shard that stops with a reason stays stopped, and the others go on: Status tells.
func (p *Pipeline) Serve(ctx context.Context, members Members) error {
	defer members.Leave()
	starting, cancel := context.WithCancel(ctx)
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
	err := p.reading(ctx, starting, func(ctx context.Context) error {
		for {
			share, err := members.Next(starting)
			if err != nil {
				return err
			}
			ended, err := p.work(ctx, share)
			p.own(nil, false)
			share.Release()
			if err != nil || ended || p.draining() {
				return err
			}
		}
	})
	if p.draining() && ctx.Err() == nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
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
// rest. True if all of its shards have come to their ends by themselves.
func (p *Pipeline) work(ctx context.Context, share *Share) (ended bool, err error) {
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
	rest := make(chan struct{})
	go func() {
		shards.Wait()
		close(rest)
	}()
	telling, silence := context.WithCancel(working)
	told := make(chan struct{})
	go func() {
		defer close(told)
		tellOften(telling, drivers)
	}()
	select {
	case <-share.Over:
	case <-p.drain:
	case <-ctx.Done():
	case <-p.endings(rest, drivers):
		ended = true
	}
	close(drain)
	if !await(ctx, rest, DrainTimeout) {
		p.config.Log.Warn("shards were not at rest in time: what they had in hand is read again",
			zap.Duration("after", DrainTimeout))
	}
	silence()
	<-told
	tellAll(ctx, drivers)
	cancel()
	await(context.WithoutCancel(ctx), rest, giveUp)
	if ended {
		return true, stops(drivers)
	}
	return false, ctx.Err()
}

// endings is closed when all shards of a replay have come to their ends. By the
// wall clock there is no end, and one that stopped is still ours.
func (p *Pipeline) endings(rest <-chan struct{}, drivers []*driver) <-chan struct{} {
	if p.config.WallClock || len(drivers) == 0 {
		return nil
	}
	return rest
}

// await waits for done, for so long at most; false if it was not.
func await(ctx context.Context, done <-chan struct{}, limit time.Duration) bool {
	patience := time.NewTimer(limit)
	defer patience.Stop()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return true
	case <-patience.C:
		return false
	}
}

// tellOften tells the group where the shards are, and looks how far the logs go,
// until ctx ends.
func tellOften(ctx context.Context, drivers []*driver) {
	tick := time.NewTicker(commitInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, d := range drivers {
				d.tellGroup(ctx)
				d.askEnds(ctx)
			}
		}
	}
}

// tellAll tells the group where the shards came to rest.
func tellAll(ctx context.Context, drivers []*driver) {
	bounded, cancel := context.WithTimeout(ctx, giveUp)
	defer cancel()
	for _, d := range drivers {
		d.tellGroup(bounded)
	}
}

// stops are the reasons of the shards that did not come to the end of a replay.
func stops(drivers []*driver) error {
	var reasons []error
	for _, d := range drivers {
		reasons = append(reasons, d.err)
	}
	return errors.Join(reasons...)
}

// serve runs the driver. Why it stopped stays in its status.
func (d *driver) serve(ctx context.Context) {
	err := d.run(ctx)
	d.err = err
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
	if status.Phase != Live && status.Phase != Silent && status.Phase != Ended || len(status.State.Topics) == 0 {
		return
	}
	if err := d.confirm(ctx); err != nil {
		d.log.Debug("telling the group where the shard is", zap.Error(err)) // its end shows by itself
	}
}

// confirm commits to the group where the shard is.
func (d *driver) confirm(ctx context.Context) error {
	state := &d.standing().State
	offsets := make(map[string]int64, len(state.Topics))
	for i := range state.Topics {
		offsets[state.Topics[i].Name] = state.Topics[i].Next
	}
	if len(offsets) == 0 {
		return fmt.Errorf("committing offsets of shard %d to the group: none is known", d.config.Shard) // an empty commit checks nothing
	}
	return d.group.Commit(ctx, d.config.Shard, offsets)
}
