package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the build of a release.
var version string

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  tidemark version",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			info, _ := debug.ReadBuildInfo()
			_, err := fmt.Fprintln(c.OutOrStdout(), describe(version, info))
			return err
		},
	}
}

// describe is the version of a release, else what the Go tool knows of the
// build: the module's version, the commit, and whether files were changed.
func describe(release string, info *debug.BuildInfo) string {
	var commit, changed string
	if info != nil {
		if release == "" {
			release = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = ", commit " + s.Value[:min(12, len(s.Value))]
			case s.Key == "vcs.modified" && s.Value == "true":
				changed = " with changes"
			}
		}
	}
	if release == "" {
		release = "(devel)"
	}
	return fmt.Sprintf("tidemark %s%s%s, %s, %s/%s", release, commit, changed, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
