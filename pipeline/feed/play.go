package feed

import (
	"context"
	"errors"
	"time"

	"github.com/tidemark/tidemark/pkg/shop"
)

const (
	batchLines  = 10_000          // written at once
	restTimeout = 4 * time.Second // for what has been begun when ctx ends
)

// Play are the options of a shop's performance.
type Play struct {
	Shop *shop.Shop
	Feed *Feed
	Rate float64 // lines per second; 0: as fast as possible
	Live bool    // events happen now, not when the shop simulates them
}

// Run writes the shop's lines to the feed until there are no more or ctx ends,
// and returns how many are acknowledged. That ctx ended is no error.
func (p *Play) Run(ctx context.Context) (done int64, err error) {
	pace, redate := NewPace(p.Rate), Redate{}
	writing, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(restTimeout, abandon) })()
	for more := true; more; {
		due, err := pace.Due(ctx, done, batchLines)
		if err != nil {
			return done, over(ctx, err)
		}
		n, now := 0, time.Now().UnixMilli()
		for ; n < due; n++ {
			var line shop.Line
			if line, more = p.Shop.Next(); !more {
				break
			}
			if p.Live && !line.Bad {
				redate.Line(line.Value, now)
			}
			if err := p.Feed.Add(writing, line.Value); err != nil {
				return done, over(writing, err)
			}
		}
		if err := p.Feed.Flush(writing); err != nil {
			return done, over(writing, err)
		}
		done += int64(n)
	}
	return done, nil
}

// over is the error, unless it is the end of the context.
func over(ctx context.Context, err error) error {
	if errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}
