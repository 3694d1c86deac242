package real

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// broker is one node of a Kafka cluster: broker and controller.
type broker struct {
	id               int
	dir              string
	port, controller int
	further          []listener
	jvm              []string
	process          *process
}

// clusterID is any: 22 characters of base64url.
const clusterID = "dGlkZW1hcmstdGVzdHMtMQ"

func (b *broker) settings() string { return filepath.Join(b.dir, "server.properties") }

// configure writes the settings of a node. Topics keep what they are given: the
// events of tests are dated as it pleases them.
func (b *broker) configure(voters string, replicas int) error {
	if err := os.MkdirAll(b.dir, 0o750); err != nil {
		return err
	}
	listeners := "PLAINTEXT://" + address(b.port)
	advertised := listeners
	protocols := "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"
	for _, l := range b.further {
		listeners += fmt.Sprintf(",%s://%s", l.name, address(l.port))
		advertised += fmt.Sprintf(",%s://%s", l.name, address(cmp.Or(l.advertised, l.port)))
		protocols += fmt.Sprintf(",%s:%s", l.name, cmp.Or(l.protocol, l.name))
	}
	lines := []string{
		"process.roles=broker,controller",
		fmt.Sprintf("node.id=%d", b.id),
		"controller.quorum.voters=" + voters,
		fmt.Sprintf("listeners=%s,CONTROLLER://%s", listeners, address(b.controller)),
		"advertised.listeners=" + advertised,
		"listener.security.protocol.map=" + protocols,
		"inter.broker.listener.name=PLAINTEXT",
		"controller.listener.names=CONTROLLER",
		"log.dirs=" + filepath.Join(b.dir, "logs"),
		"auto.create.topics.enable=false",
		"log.retention.ms=-1",
		fmt.Sprintf("offsets.topic.replication.factor=%d", replicas),
		"offsets.topic.num.partitions=3",
		fmt.Sprintf("transaction.state.log.replication.factor=%d", replicas),
		fmt.Sprintf("transaction.state.log.min.isr=%d", min(replicas, 2)),
		"transaction.state.log.num.partitions=3",
		"group.initial.rebalance.delay.ms=0",
		"group.min.session.timeout.ms=1000",
		// A broker that was killed is noticed in seconds.
		"broker.heartbeat.interval.ms=500",
		"broker.session.timeout.ms=3000",
		"controller.quorum.election.timeout.ms=500",
		"controller.quorum.fetch.timeout.ms=1500",
	}
	for _, l := range b.further {
		lines = append(lines, l.settings...)
	}
	return os.WriteFile(b.settings(), []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

// format prepares the empty folder for the logs.
func (b *broker) format(jars string) error {
	if _, err := tool(context.Background(), jars, nil, "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", b.settings()); err != nil {
		return fmt.Errorf("formatting the logs of broker %d: %w", b.id, err)
	}
	return nil
}

func (b *broker) start(jars string) (err error) {
	args := append(java(jars, b.jvm), "kafka.Kafka", b.settings())
	b.process, err = launch(b.dir, "java", args...)
	return err
}

// tool runs one of Kafka's own command-line tools and returns what it printed.
func tool(ctx context.Context, jars string, stdin io.Reader, class string, args ...string) ([]byte, error) {
	args = append(append(java(jars, shortLived("-Xmx128m")), class), args...)
	cmd := exec.CommandContext(ctx, "java", args...) //nolint:gosec // the PATH's java, with values of ours
	var complaints bytes.Buffer
	cmd.Stdin, cmd.Stderr = stdin, &complaints
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("running %s: %w: %s", class, err, bytes.TrimSpace(complaints.Bytes()))
	}
	return output, nil
}

// shortLived are options for programs that end before the optimizing compiler
// would have earned what it costs, as they do in tests.
func shortLived(heap string) []string {
	return []string{heap, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"}
}

// java returns what stands in front of the class to run.
func java(jars string, jvm []string) []string {
	return append(slices.Clone(jvm), "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", filepath.Join(jars, "*"))
}
