package demo

import (
	"context"
	"errors"
	"time"

	"github.com/tidemark/tidemark/pipeline"
)

// patience is how long the pipeline may take to finish what it has taken.
const patience = 10 * time.Second

// work is a pipeline that runs beside us.
type work struct {
	pipeline *pipeline.Pipeline
	over     chan struct{} // closed when it has ended
	err      error         // then: why
}

func newWork(ctx context.Context, p *pipeline.Pipeline) *work {
	w := &work{pipeline: p, over: make(chan struct{})}
	go func() {
		defer close(w.over)
		w.err = p.Run(ctx)
	}()
	return w
}

// finish lets the pipeline end its work, or makes abandon end it after a while,
// and waits for it. Whole reports that all it had in hand was finished.
func (w *work) finish(abandon func()) (whole bool, err error) {
	w.pipeline.Drain()
	timer := time.AfterFunc(patience, abandon)
	defer timer.Stop()
	<-w.over
	if errors.Is(w.err, context.Canceled) {
		return false, nil // we made it end
	}
	return w.err == nil, w.err
}
