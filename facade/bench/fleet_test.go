package main_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/filestore"
	"github.com/credkit/credkit-go/facade/auth/pgstore"
	"github.com/credkit/credkit-go/facade/bench/stock"
	"github.com/credkit/credkit-go/facade/roster"
)

// BenchmarkFleetLimit reads a team from a server that has a rate limit and says
// so by 429 alone. Each worker costs two requests.
func BenchmarkFleetLimit(b *testing.B) {
	const workers, limit = 2000, 200
	for _, parallel := range []int{16, 64, 256} {
		fleet(b, fmt.Sprintf("parallel=%d/client=credkit", parallel), "roster", newDirectory,
			task{Rows: 1, Workers: workers, Limit: limit, Parallel: parallel}, time.Hour)
		b.Run(fmt.Sprintf("parallel=%d/client=limit", parallel), func(b *testing.B) {
			for b.Loop() { // the time that the limit allows
			}
			b.ReportMetric(2*workers/limit*1e9, "ns/op")
		})
	}
}

// BenchmarkFleetExpired reads a team whose access tokens have all expired,
// beside a program that makes the same requests and keeps nothing.
func BenchmarkFleetExpired(b *testing.B) {
	t := task{Rows: 12, Workers: 5000, Delay: 20 * time.Millisecond, Parallel: 16}
	for _, store := range []struct {
		name string
		make func(*testing.B) string
	}{{"files", newDirectory}, {"postgres", newDatabase}} {
		fleet(b, "store="+store.name+"/client=credkit", "roster", store.make, t, 0)
		fleet(b, "store="+store.name+"/client=plain", "plain", nil, t, 0)
	}
}

// fleet measures a reader of a team, each time with sessions whose access
// tokens live so long.
func fleet(b *testing.B, name, reader string, newStore func(*testing.B) string, t task, life time.Duration) {
	b.Run(name, func(b *testing.B) {
		for b.Loop() {
			server, stop := start(b, t)
			t := t
			t.Server = server
			if newStore != nil {
				t.Store = newStore(b)
				signIn(b, t, life)
				t.Server.Sessions = nil // they are in the store
			}
			o := run(b, reader, t)
			counted := stop()
			if o.Rows != t.Workers*t.Rows {
				b.Errorf("%d certifications of %d", o.Rows, t.Workers*t.Rows)
			}
			reportOutcome(b, o)
			b.ReportMetric(float64(counted.Requests), "requests")
			b.ReportMetric(float64(counted.RateLimited), "refused")
			b.ReportMetric(float64(o.Connections), "connections")
		}
	})
}

func newDirectory(b *testing.B) string { return b.TempDir() + "/sessions" }

func newDatabase(b *testing.B) string {
	url := postgres.NewDatabase(b)
	db, err := sql.Open("pgx", url)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	store, err := pgstore.New(db)
	if err == nil {
		err = store.Migrate(b.Context())
	}
	if err != nil {
		b.Fatal(err)
	}
	return url
}

// open opens a store of newDirectory or newDatabase for so much work at a time.
func open(at string, parallel int) (auth.Store, error) {
	if !strings.HasPrefix(at, "postgres:") {
		return filestore.New(at)
	}
	db, err := sql.Open("pgx", at)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(parallel + 4)
	db.SetMaxIdleConns(parallel + 4)
	return pgstore.New(db, pgstore.WithMaxRefreshes(parallel))
}

// signIn puts the workers' sessions into the store.
func signIn(b *testing.B, t task, life time.Duration) {
	b.Helper()
	endpoint, err := facade.CosmicEndpoint(facade.WithBaseURL(t.Server.Base))
	if err != nil {
		b.Fatal(err)
	}
	store, err := open(t.Store, t.Parallel)
	if err != nil {
		b.Fatal(err)
	}
	app := auth.App{ClientID: t.Server.ClientID}
	sessions, err := auth.NewSessions(store, app)
	if err != nil {
		b.Fatal(err)
	}
	defer sessions.Close(context.Background())
	each(16, len(t.Server.Sessions), func(i int) {
		s := t.Server.Sessions[i]
		grant, err := auth.NewGrant(endpoint, app, &oauth2.Token{AccessToken: s.Access, RefreshToken: s.Refresh, Expiry: time.Now().Add(life)})
		if err == nil {
			err = sessions.SignIn(b.Context(), fmt.Sprint("worker-", i), grant)
		}
		if err != nil {
			b.Error(err)
		}
	})
}

// each calls f for every number below n, so many at a time.
func each(parallel, n int, f func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range parallel {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				f(int(i))
			}
		})
	}
	all.Wait()
}

// countConnections counts those that http.DefaultTransport opens.
func countConnections() *atomic.Int64 {
	n, transport, dial := new(atomic.Int64), http.DefaultTransport.(*http.Transport), (&net.Dialer{}).DialContext
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		n.Add(1)
		return dial(ctx, network, addr)
	}
	return n
}

// readRoster reads the team as a program of one call does.
func readRoster(t task) {
	ctx, connections := context.Background(), countConnections()
	store, err := open(t.Store, t.Parallel)
	must(err)
	start := time.Now()
	sessions, err := auth.NewSessions(store, auth.App{ClientID: t.Server.ClientID})
	must(err)
	cosmic, err := facade.NewCosmic(sessions.Key("nobody"), facade.WithBaseURL(t.Server.Base))
	must(err)
	rows, seen := 0, map[string]bool{}
	for w := range roster.Workers(ctx, cosmic, sessions, roster.WithParallel(t.Parallel)) {
		must(w.Err)
		if seen[w.Key] || len(w.Certifications) != t.Rows {
			must(fmt.Errorf("%s: seen before: %v, %d certifications", w.Key, seen[w.Key], len(w.Certifications)))
		}
		seen[w.Key] = true
		rows += len(w.Certifications)
	}
	must(sessions.Close(ctx))
	report(outcome{Rows: rows, Connections: connections.Load()}, start)
}

// readPlain makes the same requests as readRoster, with x/oauth2, the generated
// client and room for idle connections.
func readPlain(t task) {
	connections := countConnections()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = t.Parallel
	httpClient := &http.Client{Transport: transport}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, httpClient)
	app := oauth2.Config{ClientID: t.Server.ClientID, Endpoint: oauth2.Endpoint{TokenURL: t.Server.Base + "/auth/v1/oauth/token", AuthStyle: oauth2.AuthStyleInParams}}
	start := time.Now()
	var rows atomic.Int64
	each(t.Parallel, len(t.Server.Sessions), func(i int) {
		token, err := app.TokenSource(ctx, &oauth2.Token{RefreshToken: t.Server.Sessions[i].Refresh}).Token()
		must(err)
		c, err := stock.NewClientWithResponses(t.Server.Base, stock.WithHTTPClient(httpClient), stock.WithRequestEditorFn(func(_ context.Context, req *http.Request) error {
			token.SetAuthHeader(req)
			return nil
		}))
		must(err)
		me, err := c.GetMeWithResponse(ctx)
		must(err)
		list, err := c.ListCertificationsWithResponse(ctx, &stock.ListCertificationsParams{})
		must(err)
		if me.JSON200 == nil || list.JSON200 == nil {
			must(errors.New(me.Status() + ", " + list.Status()))
		}
		rows.Add(int64(len(list.JSON200.Data)))
	})
	report(outcome{Rows: int(rows.Load()), Connections: connections.Load()}, start)
}

// BenchmarkStatuses asks for the state of each of 100,000 sessions.
func BenchmarkStatuses(b *testing.B) {
	const sessions = 100_000
	for _, store := range []struct {
		name string
		fill func(b *testing.B, record []byte, n int) string
	}{{"files", fillDirectory}, {"postgres", fillDatabase}} {
		b.Run("store="+store.name+"/client=credkit", func(b *testing.B) {
			for b.Loop() {
				_, record := signedIn(b)
				o := run(b, "statuses", task{Store: store.fill(b, record, sessions), Parallel: 1})
				if o.Rows != sessions {
					b.Errorf("%d sessions", o.Rows)
				}
				reportOutcome(b, o)
			}
		})
	}
}

func readStatuses(t task) {
	ctx := context.Background()
	store, err := open(t.Store, t.Parallel)
	must(err)
	sessions, err := auth.NewSessions(store, auth.App{ClientID: "bench"})
	must(err)
	start, good := time.Now(), 0
	for st, err := range sessions.Statuses(ctx) {
		must(err)
		if st.State == auth.StateGood {
			good++
		}
	}
	report(outcome{Rows: good}, start)
}

// fillDirectory writes records as a filestore does, but for the fsync of each,
// which would take minutes.
func fillDirectory(b *testing.B, record []byte, n int) string {
	dir := newDirectory(b)
	if _, err := filestore.New(dir); err != nil {
		b.Fatal(err)
	}
	each(2, n, func(i int) {
		key := fmt.Sprint("worker-", i)
		file := binary.BigEndian.AppendUint32([]byte("credkit-record 1\n"), uint32(len(key)))
		file = binary.BigEndian.AppendUint32(append(file, key...), uint32(len(record)))
		file = append(file, record...)
		sum := sha256.Sum256(file)
		if err := os.WriteFile(fmt.Sprintf("%s/%x.record", dir, sha256.Sum256([]byte(key))), append(file, sum[:]...), 0o600); err != nil {
			b.Error(err)
		}
	})
	return dir
}

func fillDatabase(b *testing.B, record []byte, n int) string {
	url := newDatabase(b)
	db, err := sql.Open("pgx", url)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(b.Context(), `INSERT INTO credkit_sessions (id, key, version, data)
		SELECT sha256(convert_to('worker-' || i, 'UTF8')), convert_to('worker-' || i, 'UTF8'), i::text, $1 FROM generate_series(1, $2::int) i`, record, n); err != nil {
		b.Fatal(err)
	}
	return url
}
