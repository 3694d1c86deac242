package worker

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// The listener serves three pages to whoever reads, and nothing else: no profiles,
// no folder, no writing.
func TestWhatIsServed(t *testing.T) {
	h := handler(prometheus.NewRegistry(), standingAlone(standing{member: true}))
	ask := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	for _, path := range []string{"/metrics", "/livez", "/readyz"} {
		require.Equal(t, http.StatusOK, ask(http.MethodGet, path).Code, path)
		require.Equal(t, http.StatusOK, ask(http.MethodHead, path).Code, path)
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodTrace, http.MethodOptions} {
			require.Equal(t, http.StatusMethodNotAllowed, ask(method, path).Code, method+" "+path)
		}
	}
	for _, path := range []string{"/", "/debug/pprof/", "/debug/pprof/heap", "/debug/vars", "/metrics/", "/livez/x", "/../etc/passwd", "/config"} {
		require.Contains(t, []int{http.StatusNotFound, http.StatusTemporaryRedirect, http.StatusMovedPermanently}, ask(http.MethodGet, path).Code, path)
	}
}

// Whoever sends slowly, or much, is cut off; and where an address of loopback is
// given nobody else is heard.
func TestTheListenerIsBounded(t *testing.T) {
	listener, err := listen("127.0.0.1:0")
	require.NoError(t, err)
	require.True(t, listener.Addr().(*net.TCPAddr).IP.IsLoopback())
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- serve(ctx, listener, http.NotFoundHandler()) }()
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 2*maxHeaderBytes)+"\r\n\r\n")
	require.NoError(t, err)
	answer, _ := io.ReadAll(conn) // it may end with a reset
	require.Contains(t, string(answer), "431 Request Header Fields Too Large")
	require.NoError(t, conn.Close())
	cancel()
	require.NoError(t, <-served)

	s := server(http.NotFoundHandler())
	for _, limit := range []any{s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout} {
		require.Positive(t, limit)
	}
}
