package check

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// root is the checkout.
const root = "../.."

func compose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")}, cli.WithProfiles([]string{"*"}))
	require.NoError(t, err)
	project, err := options.LoadProject(context.Background())
	require.NoError(t, err)
	return project
}

func TestComposeLoads(t *testing.T) {
	project := compose(t)
	require.ElementsMatch(t, []string{"kafka", "redis", "topics", "tidemark", "shop", "prometheus", "grafana"}, project.ServiceNames())
	for name, service := range project.Services {
		require.False(t, strings.HasSuffix(service.Image, ":latest"), "service %s: a version, so that it is the same tomorrow", name)
		for _, volume := range service.Volumes {
			if volume.Type == types.VolumeTypeBind {
				_, err := os.Stat(volume.Source)
				require.NoError(t, err, "service %s", name)
			}
		}
		for _, port := range service.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, "service %s: a look is not for the network", name)
		}
		if service.Build != nil {
			_, err := os.Stat(filepath.Join(service.Build.Context, service.Build.Dockerfile))
			require.NoError(t, err, "service %s", name)
			require.True(t, service.ReadOnly, "service %s", name)
			require.True(t, slices.ContainsFunc([]string(service.Tmpfs), func(at string) bool { return strings.HasPrefix(at, "/tmp:size=") }),
				"service %s: the image has no /tmp, and a replay writes there", name)
			requireCommand(t, service.Command)
		}
	}
}

// What waits for a server that is healthy waits for ever where nothing says when
// it is.
func TestComposeDependsOnWhatHasAHealth(t *testing.T) {
	project := compose(t)
	for name, service := range project.Services {
		for on, dependency := range service.DependsOn {
			if dependency.Condition == types.ServiceConditionHealthy {
				require.NotNil(t, project.Services[on].HealthCheck, "%s waits for %s", name, on)
			}
		}
	}
}
