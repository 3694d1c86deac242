package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/tidemark/tidemark/config"
	"github.com/tidemark/tidemark/pkg/instant"
)

// instantValue is a flag that holds an instant: a date, or a time as in events.
type instantValue struct{ ms int64 }

func (v *instantValue) String() string {
	if v.ms == instant.None {
		return ""
	}
	return instant.Format(v.ms)
}

func (v *instantValue) Set(text string) error {
	for _, form := range []string{text, text + "T00:00:00Z"} {
		if ms, ok := instant.Parse(form); ok {
			v.ms = ms
			return nil
		}
	}
	return fmt.Errorf("write a date such as 2025-01-01 or an instant such as 2025-01-01T12:00:00Z")
}

func (v *instantValue) Type() string { return "time" }

// configFlag adds -c to a command.
func configFlag(c *cobra.Command, usage string) *string {
	return c.Flags().StringP("config", "c", "", usage)
}

// loadConfig reads the file of -c, or is the default without one.
func loadConfig(path string) (*config.Config, error) {
	if path == "" {
		return config.Default(), nil
	}
	return config.Load(path, os.LookupEnv)
}

// namespaceFlag adds --namespace to a command: another namespace of the same
// servers, such as that of a replay.
func namespaceFlag(c *cobra.Command) *string {
	return c.Flags().String("namespace", "", "another namespace in the same Redis, such as a replay's (default: the configuration's)")
}

// loadNamespace is loadConfig, with what namespaceFlag says.
func loadNamespace(path, name string) (*config.Config, error) {
	loaded, err := loadConfig(path)
	if err != nil || name == "" {
		return loaded, err
	}
	if err := config.CheckNamespace(name); err != nil {
		return nil, misusef("--namespace: %v", err)
	}
	loaded.Namespace = name
	return loaded, nil
}
