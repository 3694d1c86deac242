// Package deploy_test holds the files of deploy to what this module knows: the
// metrics that a worker has, the settings that it reads, the pages that alerts
// name. What other programs read in them is tried by .ci/deploy.
package deploy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/tidemark/tidemark/config"
	"github.com/tidemark/tidemark/pipeline/metrics"
)

// listed is a registry that keeps the names of what is registered.
type listed struct {
	prometheus.Registerer
	names map[string]bool
}

var described = regexp.MustCompile(`fqName: "([^"]+)"`)

func (l listed) MustRegister(collectors ...prometheus.Collector) {
	for _, c := range collectors {
		descriptions := make(chan *prometheus.Desc)
		go func() {
			c.Describe(descriptions)
			close(descriptions)
		}()
		for d := range descriptions {
			l.names[described.FindStringSubmatch(d.String())[1]] = true
		}
	}
}

// exported are the names of a worker's own metrics.
func exported() map[string]bool {
	l := listed{prometheus.NewRegistry(), map[string]bool{}}
	metrics.New(l, "test", func() metrics.Standing { return metrics.Standing{} })
	return l.names
}

var named = regexp.MustCompile(`\btidemark_[a-z_]+`)

// mentioned are the metrics named in a text; a histogram's series are its own.
func mentioned(text string, known map[string]bool) []string {
	names := named.FindAllString(text, -1)
	for i, name := range names {
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if base := strings.TrimSuffix(name, suffix); known[base] {
				names[i] = base
			}
		}
	}
	return names
}

func TestWhatIsWatchedExists(t *testing.T) {
	known := exported()
	require.Greater(t, len(known), 20)
	watched := map[string]bool{}
	for _, file := range []string{"prometheus/alerts.yml", "prometheus/alerts_test.yml", "grafana/dashboards/tidemark.json"} {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		names := mentioned(string(content), known)
		require.NotEmpty(t, names, file)
		for _, name := range names {
			require.True(t, known[name], "%s: no worker exports %s", file, name)
			watched[name] = true
		}
	}
	for name := range known {
		require.True(t, watched[name], "%s is on no dashboard and in no alert", name)
	}
}

func TestTheConfigurationsLoad(t *testing.T) {
	environment := func(string) (string, bool) { return "server:1234", true }
	for name, document := range map[string]func(*testing.T) string{"compose": ofCompose, "kubernetes": ofKubernetes} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "tidemark.yaml")
			require.NoError(t, os.WriteFile(file, []byte(document(t)), 0o600))
			c, err := config.Load(file, environment)
			require.NoError(t, err)
			require.Equal(t, ":8080", c.Server.Listen, "the port of probes and scrapes")
			require.Equal(t, config.Default().Policy.Version(), c.Policy.Version())
		})
	}
}

func ofCompose(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("compose/tidemark.yaml")
	require.NoError(t, err)
	return string(content)
}

func ofKubernetes(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("kubernetes/configmap.yaml")
	require.NoError(t, err)
	var manifest struct{ Data map[string]string }
	require.NoError(t, yaml.Unmarshal(content, &manifest))
	return manifest.Data["tidemark.yaml"]
}

// Every alert says where to read on, and that place exists.
func TestAlertsNameAPageThatExists(t *testing.T) {
	content, err := os.ReadFile("prometheus/alerts.yml")
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Annotations map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(content, &file))
	require.NotEmpty(t, file.Groups)
	for _, rule := range file.Groups[0].Rules {
		page, section, _ := strings.Cut(rule.Annotations["runbook"], "#")
		text, err := os.ReadFile(filepath.Join("..", page))
		require.NoError(t, err, rule.Alert)
		require.True(t, section == "" || anchors(string(text))[section], "%s: %s has no section #%s", rule.Alert, page, section)
	}
}

var heading = regexp.MustCompile(`(?m)^#+ (.+)$`)

// anchors are the names by which the sections of a page are linked to.
func anchors(page string) map[string]bool {
	all := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(page, -1) {
		name := strings.ReplaceAll(strings.ToLower(match[1]), " ", "-")
		all[regexp.MustCompile(`[^a-z0-9_-]`).ReplaceAllString(name, "")] = true
	}
	return all
}

func TestPanelsAreTheirOwn(t *testing.T) {
	content, err := os.ReadFile("grafana/dashboards/tidemark.json")
	require.NoError(t, err)
	var dashboard struct {
		UID    string
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(content, &dashboard))
	require.Equal(t, "tidemark", dashboard.UID)
	ids, places := map[int]bool{}, map[[2]int]string{}
	for _, p := range dashboard.Panels {
		require.False(t, ids[p.ID], "panel %q: its id is given twice", p.Title)
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				require.Empty(t, places[[2]int{x, y}], "panel %q covers another one", p.Title)
				places[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			require.Contains(t, target.Expr, `job="$job"`, "panel %q", p.Title)
		}
	}
}
