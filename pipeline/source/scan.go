package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tidemark/tidemark/pipeline/recordbatch"
)

const (
	scanFirst   = 64 << 10 // bytes asked for at first: a scan may be for a few records
	scanBytes   = 4 << 20  // doubled up to
	scanWait    = 500 * time.Millisecond
	scanPause   = 250 * time.Millisecond
	scanRetries = 40 // without progress in between: about 10 s of a leader that moves
)

// errStuck is a log whose end is known but not given out.
var errStuck = errors.New("nothing comes though the log goes on: an open transaction holds it up")

// Scan visits the records of a partition from an offset up to another, which is
// not visited, in order. Errors that pass are waited out for some seconds. A
// record and what its slices point to stay as they are after the visit, whose
// error ends the scan.
func (c *Client) Scan(ctx context.Context, topic string, partition int32, from, to int64, visit func(*recordbatch.Record) error) error {
	tries, size := 0, int32(scanFirst)
	for at := from; at < to; {
		next, err := c.scan(ctx, Position{Topic: topic, Partition: partition, Offset: at, MaxBytes: size}, to, visit)
		var visited visitError
		if errors.As(err, &visited) {
			return visited.error
		}
		if err == nil && next == at {
			err = errStuck
		}
		if next > at {
			at, tries, size = next, 0, min(2*size, scanBytes)
			continue
		}
		if tries++; tries > scanRetries || (!Temporary(err) && !errors.Is(err, errStuck)) {
			return fmt.Errorf("reading %s/%d from offset %d: %w", topic, partition, at, err)
		}
		if err := Pause(ctx, scanPause); err != nil {
			return err
		}
	}
	return nil
}

// visitError tells the visit's errors from ours.
type visitError struct{ error }

// scan visits what one fetch brings and returns where to go on.
func (c *Client) scan(ctx context.Context, at Position, to int64, visit func(*recordbatch.Record) error) (next int64, err error) {
	answers, err := c.Fetch(ctx, []Position{at}, scanWait, int(at.MaxBytes))
	if err != nil {
		return at.Offset, err
	}
	if len(answers) == 0 {
		return at.Offset, nil
	}
	if answers[0].Err != nil {
		return at.Offset, answers[0].Err
	}
	var reader recordbatch.Reader
	for reader.Reset(answers[0].Raw, at.Offset, answers[0].Aborted); ; {
		var record recordbatch.Record
		ok, err := reader.Next(&record)
		if err != nil {
			return at.Offset, err
		}
		if !ok {
			return reader.Position(), nil
		}
		if record.Offset >= to {
			return to, nil
		}
		if err := visit(&record); err != nil {
			return at.Offset, visitError{err}
		}
	}
}

// Pause waits, or returns the error of ctx if that ends first.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
