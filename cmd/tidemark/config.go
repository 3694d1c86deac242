package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tidemark/tidemark/config"
)

func configCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "config",
		Short:   "Check a configuration, or print it with a comment per field",
		Example: "  tidemark config print > tidemark.yaml\n  tidemark config check tidemark.yaml",
	}, configCheckCommand(), configPrintCommand())
}

func configCheckCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Say everything that is wrong with a configuration",
		Long: `Read a configuration and its policy, and say everything that is wrong with
them at once, each mistake as file:line: path: what to do. Nothing is started.`,
		Example: "  tidemark config check tidemark.yaml\n  tidemark config check -c /etc/tidemark/tidemark.yaml",
		Args:    cobra.MaximumNArgs(1),
	}
	file := configFlag(c, "the file, if it is not given as an argument")
	c.RunE = func(c *cobra.Command, args []string) error {
		paths := args
		if *file != "" {
			paths = append(paths, *file)
		}
		if len(paths) != 1 {
			return misusef("name one file to check: tidemark config check tidemark.yaml")
		}
		loaded, err := loadConfig(paths[0])
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "%s is good: namespace %s, policy %s, version %s\n",
			paths[0], loaded.Namespace, loaded.Policy.Name, loaded.Policy.Version())
		return err
	}
	return c
}

func configPrintCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "print",
		Short: "Print the defaults, with a comment per field",
		Long: `Print a configuration that says everything there is to say, with a comment per
field: the defaults, or with -c what a file amounts to.`,
		Example: "  tidemark config print > tidemark.yaml\n  tidemark config print -c tidemark.yaml",
		Args:    cobra.NoArgs,
	}
	file := configFlag(c, "print what this file amounts to, in place of the defaults")
	c.RunE = func(c *cobra.Command, _ []string) error {
		loaded, err := loadConfig(*file)
		if err != nil {
			return err
		}
		return config.Print(c.OutOrStdout(), loaded)
	}
	return c
}
