package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// How long the server may take for one request, and to end; and what whoever asks
// may take of it. It answers probes and scrapes, which are short.
const (
	requestTimeout  = 10 * time.Second
	headerTimeout   = 5 * time.Second
	idleTimeout     = 2 * time.Minute // more than a scrape interval: Prometheus keeps its connection
	shutdownTimeout = 2 * time.Second
	maxHeaderBytes  = 16 << 10
)

// silent stands for a listener where none is wanted.
type silent struct{ net.Listener }

// Close implements net.Listener.
func (silent) Close() error { return nil }

// handler serves /livez, /readyz and /metrics.
func handler(registry *prometheus.Registry, ready *readiness) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, ready.alive()) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { answer(w, ready.report()) })
	return mux
}

// answer writes a report: 200 where all is well, else 503.
func answer(w http.ResponseWriter, r Report) {
	w.Header().Set("Content-Type", "application/json")
	if !r.OK {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(r) // whoever asked has gone
}

// server bounds what a client may cost. That one speaks no HTTP is no news of ours.
func server(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: requestTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: log.New(io.Discard, "", 0)}
}

// serve answers until ctx ends.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	if _, none := listener.(silent); none {
		return nil
	}
	server := server(handler)
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if server.Shutdown(bounded) != nil {
			_ = server.Close() // whoever still reads is cut off
		}
	})
	err := server.Serve(listener)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving metrics and health: %w", err)
}
