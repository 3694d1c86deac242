package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// get asks a worker's HTTP server.
func (w *worker) get(ctx context.Context, path string) (body []byte, status int, err error) {
	address, err := w.address()
	if err != nil {
		return nil, 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return nil, 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err = io.ReadAll(res.Body)
	return body, res.StatusCode, err
}

// sample is what a worker's metrics said at one moment, added up over labels.
type sample map[string]float64

// scrape reads a worker's metrics. A histogram is there as its sum and count.
func (w *worker) scrape(ctx context.Context) (sample, error) {
	text, _, err := w.get(ctx, "/metrics")
	if err != nil {
		return nil, fmt.Errorf("reading tidemark's metrics: %w", err)
	}
	return parse(bytes.NewReader(text))
}

func parse(text io.Reader) (sample, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(text)
	if err != nil {
		return nil, fmt.Errorf("reading metrics: %w", err)
	}
	s := sample{}
	for name, family := range families {
		for _, m := range family.Metric {
			switch family.GetType() {
			case dto.MetricType_HISTOGRAM:
				s[name+"_sum"] += m.GetHistogram().GetSampleSum()
				s[name+"_count"] += float64(m.GetHistogram().GetSampleCount())
			case dto.MetricType_COUNTER:
				s[name] += m.GetCounter().GetValue()
			default:
				s[name] += m.GetGauge().GetValue()
			}
		}
	}
	return s, nil
}

// minus is what happened since an earlier sample.
func (s sample) minus(earlier sample) sample {
	d := sample{}
	for name, v := range s {
		d[name] = v - earlier[name]
	}
	return d
}

// mean of a histogram.
func (s sample) mean(histogram string) float64 {
	if n := s[histogram+"_count"]; n > 0 {
		return s[histogram+"_sum"] / n
	}
	return 0
}
