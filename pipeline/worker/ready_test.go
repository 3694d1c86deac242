package worker

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/store"
)

// standing is a worker that stands as it is told.
type standing struct {
	shards []*pipeline.Status
	member bool
	skew   int64
	stuck  []int32
}

func (s standing) Status() []*pipeline.Status { return s.shards }
func (s standing) Member() bool               { return s.member }
func (s standing) Skew() int64                { return s.skew }
func (s standing) Stuck() []int32             { return s.stuck }

// standingAlone is a worker of which there is nothing else to say.
func standingAlone(s standing) *readiness { return &readiness{s, &growth{}, &eviction{}} }

func ask(t *testing.T, of *readiness, path string) (int, Report) {
	w := httptest.NewRecorder()
	handler(prometheus.NewRegistry(), of).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	var r Report
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &r))
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.NotNil(t, r.Reasons, "a list, also where it is empty")
	return w.Code, r
}

func codes(r Report) (all []string) {
	for _, reason := range r.Reasons {
		all = append(all, reason.Code)
	}
	return all
}

func TestReadySaysWhyNot(t *testing.T) {
	live := &pipeline.Status{Shard: 1, Phase: pipeline.Live}
	silent := &pipeline.Status{Shard: 2, Phase: pipeline.Silent}
	taking := &pipeline.Status{Shard: 3, Phase: pipeline.TakingOver}
	stopped := &pipeline.Status{Shard: 4, Phase: pipeline.Stopped, Stop: &pipeline.Stop{Code: "log-shorter", Reason: "it ends", Remedy: "mend it"}}
	for name, test := range map[string]struct {
		standing standing
		want     []string
	}{
		"all is well":                {standing{shards: []*pipeline.Status{live, silent}, member: true}, nil},
		"a member without a share":   {standing{member: true}, nil},
		"not a member yet":           {standing{}, []string{"joining"}},
		"a shard that is taken over": {standing{shards: []*pipeline.Status{live, taking}, member: true}, []string{"taking-over"}},
		"a shard that stopped":       {standing{shards: []*pipeline.Status{stopped, live}, member: true}, []string{"log-shorter"}},
		"a clock ahead":              {standing{member: true, skew: pipeline.MaxSkew + 1}, []string{"clock-skew"}},
		"a clock behind":             {standing{member: true, skew: -pipeline.MaxSkew - 1}, []string{"clock-skew"}},
		"clocks a little apart":      {standing{member: true, skew: pipeline.MaxSkew}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			code, report := ask(t, standingAlone(test.standing), "/readyz")
			require.Equal(t, test.want, codes(report))
			require.Equal(t, test.want == nil, report.OK)
			require.Equal(t, test.want == nil, code == http.StatusOK)
		})
	}
	_, report := ask(t, standingAlone(standing{shards: []*pipeline.Status{stopped, live, silent}, member: true}), "/readyz")
	require.Equal(t, map[string]int{"stopped": 1, "live": 1, "silent": 1}, report.Shards)
	require.Equal(t, []int32{4}, report.Reasons[0].Shards)
	require.Contains(t, report.Reasons[0].Message, "mend it")
}

func TestAliveUnlessStuck(t *testing.T) {
	stopped := []*pipeline.Status{{Phase: pipeline.Stopped, Stop: &pipeline.Stop{Code: "log-shorter"}}}
	code, _ := ask(t, standingAlone(standing{shards: stopped}), "/livez")
	require.Equal(t, http.StatusOK, code, "a restart would not help")
	code, report := ask(t, standingAlone(standing{stuck: []int32{7}}), "/livez")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, []int32{7}, report.Reasons[0].Shards)
}

// counted is a Kafka whose topics have so many partitions.
type counted map[string]int32

func (c counted) Partitions(_ context.Context, topic string) (int32, error) {
	n, ok := c[topic]
	if !ok {
		return 0, errors.New("away")
	}
	return n, nil
}

func TestPartitionsThatGrewAreNotRead(t *testing.T) {
	kafka := counted{"clicks": 12}
	g := &growth{inputs: []string{"purchases", "clicks"}, partitions: 12, topics: kafka, log: zap.NewNop()}
	g.look(t.Context())
	_, report := ask(t, &readiness{standing{member: true}, g, &eviction{}}, "/readyz")
	require.True(t, report.OK, "that Kafka does not answer says nothing about growth")
	kafka["purchases"] = 24
	g.look(t.Context())
	kafka["purchases"] = 12
	g.look(t.Context())
	_, report = ask(t, &readiness{standing{member: true}, g, &eviction{}}, "/readyz")
	require.Equal(t, []string{"partitions-grew"}, codes(report), "what was written there meanwhile is still unread")
	require.Contains(t, report.Reasons[0].Message, "purchases has 24 partitions now")
}

// told is a Redis that says so of its servers; nothing where it is away.
type told []store.Server

func (r *told) Servers(context.Context) ([]store.Server, error) {
	if len(*r) == 0 {
		return nil, errors.New("away")
	}
	return *r, nil
}

func TestARedisThatBeganToForgetIsTold(t *testing.T) {
	redis := &told{}
	core, log := observer.New(zap.WarnLevel)
	e := &eviction{redis: redis, log: zap.New(core)}
	master := store.Server{Addr: "r:1", Eviction: "noeviction"}
	replica, forgets, silent := master, master, store.Server{Addr: "r:2", Err: errors.New("no answer")}
	replica.Addr, forgets.Addr = "r:2", "r:2"
	forgets.Eviction, forgets.Evicted = "allkeys-lru", "17"
	for _, step := range []struct {
		name    string
		servers []store.Server
		evicts  bool
		logged  int
	}{
		{"away from the start", nil, false, 0},
		{"nobody forgets", []store.Server{master, replica}, false, 0},
		{"one does not tell", []store.Server{{Addr: "r:1"}}, false, 0},
		{"one forgets", []store.Server{master, forgets}, true, 1},
		{"it goes on to", []store.Server{forgets, master}, true, 1},
		{"it is silent", []store.Server{master, silent}, true, 1},
		{"all are away", nil, true, 1},
		{"it is mended", []store.Server{master, replica}, false, 2},
		{"again", []store.Server{silent, forgets}, true, 3},
	} {
		*redis = step.servers
		e.look(t.Context())
		_, report := ask(t, &readiness{standing{member: true}, &growth{}, e}, "/readyz")
		require.Equal(t, !step.evicts, report.OK, step.name)
		require.Equal(t, step.logged, log.Len(), step.name)
		if step.evicts {
			require.Equal(t, []string{"redis-evicts"}, codes(report), step.name)
			for _, says := range []string{"r:2 has maxmemory-policy allkeys-lru", "17", "set maxmemory-policy noeviction", "tidemark verify"} {
				require.Contains(t, report.Reasons[0].Message, says)
			}
		}
	}
	all := log.All()
	require.Contains(t, all[0].Message, "set maxmemory-policy noeviction")
	require.Contains(t, all[1].Message, "tidemark verify")
}
