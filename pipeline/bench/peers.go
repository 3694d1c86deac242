package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tidemark/tidemark/pipeline/real"
)

// A folder of peers has programs for the same job by other engines, over topics
// purchases and clicks: loadgen (Go) writes them, kafka-streams (Java, built by
// Maven from the root of the folder) reads them and prints a line RESULT, and its
// Latency measures what both publish to segment-changes.
const (
	peerPurchases = "purchases"
	peerClicks    = "clicks"
	peerChanges   = "segment-changes"
	peerLetters   = "dead-letters"

	peerHeap = "-Xmx3g"

	peerRate = 20_000 // events per second of the steady load
)

// peer is one run of an engine over the peers' log.
type peer struct {
	Engine    string  `json:"engine"`
	Round     int     `json:"round"`
	Events    int64   `json:"events"`
	Changes   int64   `json:"changes"`
	PerSecond float64 `json:"per_second"`           // by its own account: from the first record to the last commit
	Whole     float64 `json:"per_second_and_start"` // from the start of the process to the last commit (or, of Streams, to its end)
	CPU       usage   `json:"cpu_seconds"`          // the engine's under tidemark
}

// peerDelay is what the peers' own program says of event to change.
type peerDelay struct {
	Engine string `json:"engine"`
	Text   string `json:"text"`
}

// comparePeers runs Kafka Streams and Tidemark in turn over one and the same log.
func (b *bench) comparePeers(ctx context.Context) error {
	p := peers{bench: b, dir: filepath.Join(b.dir, "peers")}
	if err := p.build(ctx); err != nil {
		return fmt.Errorf("building the peers: %w", err)
	}
	if err := p.load(ctx); err != nil {
		return fmt.Errorf("loading the peers' log: %w", err)
	}
	for round := 1; round <= b.rounds; round++ {
		for _, run := range []func(context.Context) (*peer, error){p.streams, p.tidemark} {
			r, err := run(ctx)
			if err != nil {
				return err
			}
			r.Round = round
			tell(fmt.Sprintf("%s: %.0f events/s", r.Engine, r.PerSecond))
			b.report.Peers = append(b.report.Peers, *r)
			if first := &b.report.Peers[0]; r.Changes != first.Changes {
				return fmt.Errorf("%s made %d changes, %s %d: one of them is wrong", r.Engine, r.Changes, first.Engine, first.Changes)
			}
		}
	}
	for _, run := range []func(context.Context) (*peerDelay, error){p.streamsDelay, p.tidemarkDelay} {
		d, err := run(ctx)
		if err != nil {
			return err
		}
		b.report.PeerDelays = append(b.report.PeerDelays, *d)
	}
	return nil
}

// peers is a copy of the folder, and what was built there.
type peers struct {
	*bench
	dir string
}

// build copies the folder, which is not ours to write into, and builds it.
func (p *peers) build(ctx context.Context) error {
	tell("building the peers")
	if err := os.CopyFS(p.dir, os.DirFS(p.peers)); err != nil {
		return err
	}
	if err := p.command(ctx, "", "mvn", "-q", "--batch-mode", "package", "-pl", "kafka-streams", "-am").run(); err != nil {
		return err
	}
	return p.command(ctx, "loadgen", "go", "build", ".").run()
}

// program is one run of a program of the peers.
type program struct {
	*exec.Cmd
	output bytes.Buffer
}

func (p *peers) command(ctx context.Context, dir, name string, args ...string) *program {
	c := &program{Cmd: exec.CommandContext(ctx, name, args...)} //nolint:gosec // what the user named, and what was built of it
	c.Dir = filepath.Join(p.dir, dir)
	c.Env = append(os.Environ(), "BROKERS="+p.kafka.Brokers()[0], "REDIS_ADDR="+p.redis.Addr(), "STATE_DIR="+filepath.Join(p.dir, "state"))
	c.Stdout, c.Stderr = &c.output, &c.output
	return c
}

func (c *program) run() error { return c.complain(c.Run()) }

func (c *program) complain(err error) error {
	const most = 2000
	if err != nil {
		output := c.output.Bytes()
		return fmt.Errorf("running %s: %w: %s", c.Path, err, output[max(0, len(output)-most):])
	}
	return nil
}

func (c *program) cpu() float64 {
	return (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()
}

// loadgen writes events; without a rate it begins anew.
func (p *peers) loadgen(ctx context.Context, args ...string) *program {
	return p.command(ctx, "loadgen", filepath.Join(p.dir, "loadgen", "loadgen"), append(args, "-partitions", strconv.Itoa(partitions))...)
}

func (p *peers) load(ctx context.Context) error {
	tell("loading the peers' log")
	return p.loadgen(ctx, "-recreate", "-events", strconv.Itoa(p.events)).run()
}

func (p *peers) java(ctx context.Context, class string, args ...string) *program {
	all := append([]string{"-Xms3g", peerHeap, "-cp", "target/kafka-streams-1.jar" + string(filepath.ListSeparator) + "target/libs/*", class}, args...)
	return p.command(ctx, "kafka-streams", "java", all...)
}

var setting = regexp.MustCompile(`(\w+)=([\d.]+)`)

// streams runs Kafka Streams, exactly once.
func (p *peers) streams(ctx context.Context) (*peer, error) {
	if err := p.empty(ctx); err != nil {
		return nil, err
	}
	before, err := p.used()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	app := p.java(ctx, "peers.streams.App", "guarantee=exactly_once_v2")
	if err := app.run(); err != nil {
		return nil, err
	}
	took := time.Since(begin).Seconds()
	r := &peer{Engine: "Kafka Streams, exactly once"}
	if r.CPU, err = p.since(before, app.cpu()); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(&app.output)
	for lines.Scan() {
		line, is := strings.CutPrefix(lines.Text(), "RESULT ")
		if !is {
			continue
		}
		for _, match := range setting.FindAllStringSubmatch(line, -1) {
			v, err := strconv.ParseFloat(match[2], 64)
			if err != nil {
				return nil, err
			}
			switch match[1] {
			case "records":
				r.Events = int64(v)
			case "changes":
				r.Changes = int64(v)
			case "rate":
				r.PerSecond = v
			}
		}
	}
	if r.Events == 0 {
		return nil, errors.New("the Streams program printed no RESULT")
	}
	r.Whole = float64(r.Events) / took
	return r, lines.Err()
}

// tidemark runs a worker over the same topics.
func (p *peers) tidemark(ctx context.Context) (*peer, error) {
	t, err := p.follow(ctx, "peers", [2]string{peerPurchases, peerClicks})
	if err != nil {
		return nil, err
	}
	return &peer{Engine: "Tidemark", Events: t.Events, Changes: t.Changes, PerSecond: t.PerSecond, Whole: t.Whole, CPU: t.CPU}, nil
}

// streamsDelay measures Kafka Streams under a steady load.
func (p *peers) streamsDelay(ctx context.Context) (*peerDelay, error) {
	if err := p.empty(ctx); err != nil {
		return nil, err
	}
	if err := p.quiet(ctx); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	app := p.java(running, "peers.streams.App", "guarantee=exactly_once_v2", "follow=600")
	if err := app.Start(); err != nil {
		return nil, err
	}
	defer func() {
		stop()
		_ = app.Wait() // it was killed
	}()
	err := real.Await(ctx, readyTimeout, func(ctx context.Context) error {
		_, err := p.ends(ctx, peerChanges)
		return err
	})
	if err != nil {
		return nil, app.complain(err)
	}
	return p.delay(ctx, "Kafka Streams, exactly once")
}

// tidemarkDelay measures Tidemark in the same way: the topics have the names that
// the peers' programs know.
func (p *peers) tidemarkDelay(ctx context.Context) (*peerDelay, error) {
	if err := p.empty(ctx); err != nil {
		return nil, err
	}
	if err := p.quiet(ctx); err != nil {
		return nil, err
	}
	w, err := p.work(ctx, namespace{name: "peers", inputs: [2]string{peerPurchases, peerClicks}, clock: "wall",
		changes: peerChanges, letters: peerLetters})
	if err != nil {
		return nil, err
	}
	defer w.kill()
	if err := w.ready(ctx); err != nil {
		return nil, err
	}
	return p.delay(ctx, "Tidemark")
}

// delay produces at the rate, and has the peers' program measure what comes of it.
func (p *peers) delay(ctx context.Context, engine string) (*peerDelay, error) {
	warmUp, measured := int(p.warmUp.Seconds()), int(p.seconds.Seconds())
	load := p.loadgen(ctx, "-rate", strconv.Itoa(peerRate), "-duration", fmt.Sprintf("%ds", 2*warmUp+measured+10))
	if err := load.Start(); err != nil {
		return nil, err
	}
	latency := p.java(ctx, "peers.streams.Latency", strconv.Itoa(2*warmUp), strconv.Itoa(measured))
	err := latency.run()
	if loadErr := load.complain(load.Wait()); err == nil {
		err = loadErr
	}
	if err != nil {
		return nil, err
	}
	d := &peerDelay{Engine: engine}
	for line := range strings.Lines(latency.output.String()) {
		if text, is := strings.CutPrefix(strings.TrimSpace(line), "LATENCY appended "); is {
			d.Text = fmt.Sprintf("at %s events/s, %s", count(peerRate), text)
		}
	}
	if d.Text == "" {
		return nil, errNothing
	}
	return d, nil
}

// quiet empties the inputs and removes the topics that the engines write to.
func (p *peers) quiet(ctx context.Context) error {
	if err := p.loadgen(ctx, "-recreate", "-events", "0").run(); err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(p.kafka.Brokers()...))
	if err != nil {
		return err
	}
	defer client.Close()
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis = 30_000
	for _, name := range []string{peerChanges, peerLetters} {
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = &name
		req.Topics = append(req.Topics, topic)
		req.TopicNames = append(req.TopicNames, name)
	}
	res, err := req.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, t := range res.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return fmt.Errorf("deleting topic %s: %w", *t.Topic, err)
		}
	}
	return nil
}
