package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/real/service"
)

func init() {
	matrix = append(matrix,
		row{name: "upgrade", fault: "mixed versions in a rolling upgrade, both orders", full: 10, reduced: 2, before: buildPrevious, apply: upgrade},
		row{name: "other-policy", fault: "a worker with another policy", full: 10, reduced: 1, apply: otherPolicy})
}

// previousBinary is the program as of the other commit.
func (f *field) previousBinary() string { return filepath.Join(f.dir, "tidemark-previous") }

// buildPrevious builds it.
func buildPrevious(ctx context.Context, f *field) error {
	tree := filepath.Join(f.dir, "previous")
	if output, err := exec.CommandContext(ctx, "git", "worktree", "add", "--detach", tree, f.previous).CombinedOutput(); err != nil { //nolint:gosec // git, with what the user names
		return fmt.Errorf("checking out %s: %w: %s", f.previous, err, output)
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", f.previousBinary(), "./cmd/tidemark") //nolint:gosec // a folder of ours
	build.Dir = tree
	output, err := build.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("building %s: %w: %s", f.previous, err, output)
	}
	return errors.Join(err, exec.Command("git", "worktree", "remove", "--force", tree).Run()) //nolint:gosec // a folder of ours
}

// upgrade replaces workers one after the other by those of another version, all of
// them, and back.
func upgrade(ctx context.Context, f *field) error {
	for i := range f.dose {
		f.runs++
		to := [...]string{f.previousBinary(), f.binary}[i%2]
		for _, w := range f.running() {
			asked := time.Now()
			if _, err := f.terminate(ctx, w); err != nil {
				return err
			}
			if _, err := f.startOf(ctx, to); err != nil {
				return err
			}
			if err := f.recovers(ctx, asked); err != nil {
				return err
			}
			if err := f.settled(ctx); err != nil { // as a rolling upgrade waits for the next one to be ready
				return err
			}
		}
	}
	revision, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", f.previous).Output() //nolint:gosec // git, with what the user names
	f.remark("with %s", strings.TrimSpace(string(revision)))
	return err
}

// otherPolicy starts workers with another policy beside the others: they are
// refused, and told what differs.
func otherPolicy(ctx context.Context, f *field) error {
	ours := f.service.Policy
	for range f.dose {
		f.runs++
		f.service.Policy = strings.Replace(ours, "loyal_orders: 3", "loyal_orders: 4", 1)
		err := f.service.Configure()
		var w *service.Worker
		if err == nil {
			w, err = f.stray(ctx)
		}
		if err == nil {
			err = real.Await(ctx, time.Minute, func(context.Context) error {
				if !w.Gone() {
					return errors.New("it still runs")
				}
				return nil
			})
		}
		f.service.Policy = ours
		if err := errors.Join(err, f.service.Configure()); err != nil {
			return err
		}
		if w.Code() != 1 || w.Gained() || !w.Tells("policy-differs") || !w.Tells("loyal_orders") {
			return fmt.Errorf("a worker with another policy should be refused and told what differs; it ended with code %d: %s", w.Code(), w.LastWords())
		}
		if err := f.recovers(ctx, time.Now()); err != nil {
			return err
		}
	}
	f.remark("refused with policy-differs, and told which field")
	return nil
}
