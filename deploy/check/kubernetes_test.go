package check

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	yamlreader "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// drain is how long a worker that is told to end may take to put everything away.
const drain = 5 * time.Second

// manifests are the objects of deploy/kubernetes.
type manifests struct {
	deployment appsv1.Deployment
	config     corev1.ConfigMap
	service    corev1.Service
	secret     corev1.Secret
	budget     policyv1.PodDisruptionBudget
}

// load decodes every document strictly: a field that the API does not have, or
// one given twice, is an error.
func load(t *testing.T) *manifests {
	t.Helper()
	m := &manifests{}
	kinds := map[string]any{
		"apps/v1 Deployment": &m.deployment, "v1 ConfigMap": &m.config, "v1 Service": &m.service, "v1 Secret": &m.secret,
		"policy/v1 PodDisruptionBudget": &m.budget,
	}
	files, err := filepath.Glob(root + "/deploy/kubernetes/*.yaml")
	require.NoError(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		documents := yamlreader.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, file)
			var kind metav1.TypeMeta
			require.NoError(t, yaml.Unmarshal(document, &kind), file)
			into, known := kinds[kind.APIVersion+" "+kind.Kind]
			require.True(t, known, "%s: %s %s is given twice, or is no kind that is looked at here", file, kind.APIVersion, kind.Kind)
			require.NoError(t, yaml.UnmarshalStrict(document, into), file)
			delete(kinds, kind.APIVersion+" "+kind.Kind)
		}
	}
	require.Empty(t, kinds, "some object is not there")
	return m
}

func TestManifestsBelongTogether(t *testing.T) {
	m := load(t)
	labels := m.deployment.Spec.Template.Labels
	require.NotEmpty(t, labels)
	require.Equal(t, labels, m.deployment.Spec.Selector.MatchLabels)
	require.Equal(t, labels, m.service.Spec.Selector)
	require.Equal(t, labels, m.budget.Spec.Selector.MatchLabels)
	for _, spread := range m.deployment.Spec.Template.Spec.TopologySpreadConstraints {
		require.Equal(t, labels, spread.LabelSelector.MatchLabels)
	}
	pod := m.deployment.Spec.Template.Spec
	require.Equal(t, m.config.Name, pod.Volumes[0].ConfigMap.Name)
	require.Equal(t, pod.Volumes[0].Name, pod.Containers[0].VolumeMounts[0].Name)
	require.Equal(t, m.secret.Name, pod.Containers[0].EnvFrom[0].SecretRef.Name)
	require.Equal(t, pod.Containers[0].Ports[0].Name, m.service.Spec.Ports[0].TargetPort.StrVal)

	args := pod.Containers[0].Args
	requireCommand(t, args)
	file := args[len(args)-1]
	require.Equal(t, pod.Containers[0].VolumeMounts[0].MountPath, filepath.Dir(file))
	require.Contains(t, m.config.Data, filepath.Base(file))
}

func TestPodsMayDoLittle(t *testing.T) {
	pod := load(t).deployment.Spec.Template.Spec
	require.True(t, *pod.SecurityContext.RunAsNonRoot)
	require.Positive(t, *pod.SecurityContext.RunAsUser)
	require.False(t, *pod.AutomountServiceAccountToken)
	c := pod.Containers[0]
	require.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
	require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	require.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
	require.Contains(t, c.Resources.Limits, corev1.ResourceMemory)
	require.Contains(t, c.Resources.Requests, corev1.ResourceCPU)
}

// The image has no /tmp, and a replay writes there, but not without end.
func TestPodsHaveRoomForAReplay(t *testing.T) {
	pod := load(t).deployment.Spec.Template.Spec
	for _, mount := range pod.Containers[0].VolumeMounts {
		if mount.MountPath != "/tmp" {
			continue
		}
		for _, volume := range pod.Volumes {
			if volume.Name == mount.Name {
				require.False(t, mount.ReadOnly)
				require.Positive(t, volume.EmptyDir.SizeLimit.Value())
				return
			}
		}
	}
	t.Fatal("nothing is mounted at /tmp")
}

func TestPodsComeAndGoOneAtATime(t *testing.T) {
	m := load(t)
	one := intstr.FromInt32(1)
	require.Equal(t, &one, m.budget.Spec.MaxUnavailable)
	require.Equal(t, &one, m.deployment.Spec.Strategy.RollingUpdate.MaxUnavailable)
	pod := m.deployment.Spec.Template.Spec
	require.Greater(t, time.Duration(*pod.TerminationGracePeriodSeconds)*time.Second, drain)
	c := pod.Containers[0]
	require.Equal(t, "/livez", c.LivenessProbe.HTTPGet.Path)
	require.Equal(t, "/readyz", c.ReadinessProbe.HTTPGet.Path)
	for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe} {
		require.Equal(t, c.Ports[0].Name, probe.HTTPGet.Port.StrVal)
	}
}

// The variables that the configuration refers to are those that the pod is given.
func TestTheConfigurationsVariablesAreSet(t *testing.T) {
	m := load(t)
	given := map[string]bool{}
	for _, env := range m.deployment.Spec.Template.Spec.Containers[0].Env {
		given[env.Name] = true
	}
	for name := range m.secret.StringData {
		given[name] = true
	}
	for _, part := range strings.Split(m.config.Data["tidemark.yaml"], "${")[1:] {
		name, _, closed := strings.Cut(part, "}")
		require.True(t, closed)
		require.True(t, given[name], "%s is in the configuration, and nothing sets it", name)
	}
}
