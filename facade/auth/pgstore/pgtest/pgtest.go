// Package pgtest starts a real PostgreSQL for tests: one server a test
// binary, in a temporary folder, on a unix socket, gone when the tests are.
//
//	var server pgtest.Server
//
//	func TestMain(m *testing.M) {
//		code := m.Run()
//		server.Stop()
//		os.Exit(code)
//	}
//
//	func TestStore(t *testing.T) {
//		db, err := sql.Open("pgx", server.NewDatabase(t))
//		…
//	}
//
// It drives the programs of a PostgreSQL installation, which .ci/setup installs,
// and needs no Go driver. Where there is none the test is skipped, or fails if
// the environment has CI=true.
//
// It is for credkit's own tests: the promise of stable names does not cover it.
package pgtest

import (
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

// Server is a PostgreSQL server that starts with the first database asked of
// it. The zero Server is ready for use, by several tests at once.
type Server struct {
	start    sync.Once
	startErr error
	cluster  *cluster
	count    atomic.Int64
}

// NewDatabase creates an empty database and returns its URL, in the form that
// PostgreSQL drivers take. The database stays until [Server.Stop].
func (s *Server) NewDatabase(t testing.TB) string {
	t.Helper()
	c := s.running(t)
	name := fmt.Sprintf("test_%d", s.count.Add(1))
	if err := c.run("createdb", "--host", c.dir, "--username", superuser, "--no-password", name); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	query := url.Values{"host": {c.dir}, "user": {superuser}}
	return "postgres:///" + name + "?" + query.Encode()
}

// Crash stops the server at once, as a power cut of its machine would as far
// as its clients can tell, and starts it again. It returns once the server
// takes connections.
func (s *Server) Crash(t testing.TB) {
	t.Helper()
	s.Halt(t)
	s.Resume(t)
}

// Halt stops the server at once and cuts its connections. Every test of the
// binary that uses the server has to wait for [Server.Resume].
func (s *Server) Halt(t testing.TB) {
	t.Helper()
	s.running(t).halt()
}

// Resume starts the server again after [Server.Halt], with all its databases,
// and returns once it takes connections.
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	if err := s.running(t).launch(); err != nil {
		t.Fatalf("pgtest: starting the server again: %v", err)
	}
}

// Stop stops the server and removes its folder. It belongs at the end of
// TestMain and does nothing if no test needed the server.
func (s *Server) Stop() {
	if s.cluster != nil {
		s.cluster.halt()
		_ = os.RemoveAll(s.cluster.dir)
	}
}

// running returns the cluster, which it has started if need be.
func (s *Server) running(t testing.TB) *cluster {
	t.Helper()
	s.start.Do(func() { s.cluster, s.startErr = startCluster() })
	switch {
	case s.startErr == nil:
	case isMissing(s.startErr) && os.Getenv("CI") != "true":
		t.Skipf("pgtest: NOT TESTED AGAINST POSTGRESQL: %v", s.startErr)
	default:
		t.Fatalf("pgtest: %v", s.startErr)
	}
	return s.cluster
}
