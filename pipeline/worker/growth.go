package worker

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/tidemark/tidemark/pipeline"
)

// growthInterval is how often the inputs' partitions are counted.
const growthInterval = 30 * time.Second

// topics tells how many partitions a topic has. *source.Client does.
type topics interface {
	Partitions(ctx context.Context, topic string) (int32, error)
}

// growth notices that an input got partitions while the worker runs. Nobody reads
// them: the customers on them belong to a namespace of another count.
type growth struct {
	inputs     []string
	partitions int32
	topics     topics
	log        *zap.Logger
	found      atomic.Pointer[pipeline.Stop] // what grew, nil while nothing did
}

// look counts once. A count that cannot be had is not a change: whoever reads the
// topic says that Kafka is away.
func (g *growth) look(ctx context.Context) {
	for _, topic := range g.inputs {
		n, err := g.topics.Partitions(ctx, topic)
		if err != nil || n <= g.partitions || g.found.Load() != nil {
			continue
		}
		found := &pipeline.Stop{Code: "partitions-grew",
			Reason: fmt.Sprintf("topic %s has %d partitions now, but the namespace was made for %d: nobody reads the new ones", topic, n, g.partitions),
			Remedy: fmt.Sprintf("repartition into a topic of %d, or replay into a new namespace", g.partitions)}
		g.found.Store(found)
		g.log.Error(found.Error())
	}
}
