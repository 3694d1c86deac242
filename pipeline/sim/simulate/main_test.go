package main

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsRun(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"seeds", []string{"-seeds", "3", "-first", "5"}, good, "3 seeds, "},
		{"a case", []string{"42", "without=crashes", "workers=1"}, good, "seed 42 without=crashes workers=1: all is well"},
		{"its trace", []string{"-trace", "42"}, good, "worker 0 starts"},
		{"nothing to shrink", []string{"-shrink", "42"}, misused, "there is nothing to shrink"},
		{"no case to shrink", []string{"-shrink"}, misused, "name a case"},
		{"no seed", []string{"x"}, misused, `"x" is no seed`},
		{"an unknown fault", []string{"1", "without=rain"}, misused, `"rain" is no kind of fault; there are crashes, `},
		{"an unknown word", []string{"1", "size=3"}, misused, "there are salt, without, workers, customers and events"},
		{"an unknown flag", []string{"-size"}, misused, "Usage: go run"},
		{"help", []string{"-h"}, good, "-forever"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			require.Equal(t, c.code, run(context.Background(), c.args, &out, &out), out.String())
			require.Contains(t, out.String(), c.says)
		})
	}
}

// An interrupted sweep says how far it came.
func TestForeverEndsWhenItIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out bytes.Buffer
	require.Equal(t, good, run(ctx, []string{"-forever"}, &out, &out))
	require.Contains(t, out.String(), "0 seeds, ")
}
