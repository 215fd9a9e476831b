//go:build reliability

package auth_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// The month of a fleet: what is simulated.
const (
	monthDays      = 30
	monthSessions  = 10_000
	monthProcesses = 8
	monthCrashes   = 300
	monthLimit     = 24 * time.Hour   // of inactivity, at the server
	monthSweep     = 10 * time.Minute // one sweep of the fleet, by its processes in turn
	// As KeepAliveOptions.Idle advises, with five minutes for a sweep.
	monthIdle    = monthLimit - 2*monthSweep - 5*time.Minute
	restartDelay = 5 * time.Second
)

// mortalStore is the store as one process has it. The process dies in the middle
// of a save once it is doomed: nothing that it does after that reaches the store.
type mortalStore struct {
	*auth.MemoryStore
	doomed atomic.Bool
	dead   chan struct{}
	once   sync.Once
}

func (s *mortalStore) Update(ctx context.Context, key string, f func(context.Context, []byte) ([]byte, error)) error {
	return s.MemoryStore.Update(ctx, key, func(ctx context.Context, current []byte) ([]byte, error) {
		next, err := f(ctx, current)
		if err == nil && next != nil && s.doomed.Load() {
			s.once.Do(func() { close(s.dead) })
			return nil, errDiskFull
		}
		return next, err
	})
}

func (s *mortalStore) isDead() bool {
	select {
	case <-s.dead:
		return true
	default:
		return false
	}
}

// life is one process between two crashes.
type life struct {
	ctx      context.Context // ends with it
	store    *mortalStore
	sessions *auth.Sessions
}

// month is the fleet with its figures.
type month struct {
	sb      *sandbox.Sandbox
	store   *auth.MemoryStore
	e       auth.Endpoint
	end     time.Time
	lives   [monthProcesses]atomic.Pointer[life]
	mu      sync.Mutex
	report  auth.KeepAliveReport
	sweeps  int
	used    int
	refused int
}

// TestReliabilityMonth: 10,000 sessions that are used once in 30 days, on a
// server that ends them after 24 hours without a refresh, loses 1 % of its
// responses, and moves to algorithm 2 in the middle; 8 processes share the sweeps,
// and 300 times one of them dies in the middle of a save.
func TestReliabilityMonth(t *testing.T) {
	real, done := time.Now(), ""
	synctest.Test(t, func(t *testing.T) {
		sb, err := sandbox.New(sandbox.WithInactivityTimeout(monthLimit), sandbox.WithReuseInterval(10*time.Second), sandbox.WithLogSize(1))
		if err != nil {
			t.Fatal(err)
		}
		defer sb.Close()
		base := sb.CosmicURL()
		m := &month{sb: sb, store: auth.NewMemoryStore(), e: auth.Endpoint{
			Service: "cosmic", Origin: base, TokenURL: base + cosmic.Service.TokenPath, AuthorizeURL: base + cosmic.Service.AuthorizePath,
			HTTPClient: &http.Client{Transport: sb.Transport(), Timeout: 30 * time.Second},
		}}
		m.signIn(t)
		sb.Reset()
		if err := sb.Fail(sandbox.On(sandbox.OpToken), sandbox.CutAfterProcessing(), sandbox.Percent(1)); err != nil {
			t.Fatal(err)
		}
		m.end = time.Now().Add(monthDays * 24 * time.Hour)
		var wg sync.WaitGroup
		for i := range monthProcesses {
			wg.Go(func() { m.process(t, i) })
		}
		wg.Go(m.people)
		wg.Go(m.crash)
		time.Sleep(monthDays / 2 * 24 * time.Hour)
		sb.UpgradeAtNextRefresh()
		wg.Wait()
		done = m.print(t)
	})
	t.Logf("%s: %s", time.Since(real).Round(time.Second), done)
}

// signIn signs everybody in, over a day.
func (m *month) signIn(t *testing.T) {
	sessions, err := auth.NewSessions(m.store, auth.App{ClientID: m.sb.App().ClientID})
	if err != nil {
		t.Fatal(err)
	}
	defer closeSessions(t, sessions)
	for i := range monthSessions {
		time.Sleep(18 * time.Hour / monthSessions)
		tokens, err := m.sb.SignIn("")
		if err != nil {
			t.Fatal(err)
		}
		g, err := auth.NewGrant(m.e, auth.App{ClientID: m.sb.App().ClientID}, &oauth2.Token{AccessToken: tokens.AccessToken, Expiry: tokens.ExpiresAt, RefreshToken: tokens.RefreshToken})
		if err != nil {
			t.Fatal(err)
		}
		if err := sessions.SignIn(t.Context(), monthKey(i), g); err != nil {
			t.Fatal(err)
		}
	}
}

func monthKey(i int) string { return fmt.Sprintf("worker-%05d", i) }

// process is one process until the end of the month: it is started again after
// each death, sweeps at once, and then in its turn.
func (m *month) process(t *testing.T, number int) {
	next := time.Now().Add(monthSweep * time.Duration(number))
	for time.Now().Before(m.end) {
		ctx, die := context.WithCancel(t.Context())
		store := &mortalStore{MemoryStore: m.store, dead: make(chan struct{})}
		sessions, err := auth.NewSessions(store, auth.App{ClientID: m.sb.App().ClientID})
		if err != nil {
			t.Error(err)
			die()
			return
		}
		go func() {
			select {
			case <-store.dead:
				die()
			case <-ctx.Done():
			}
		}()
		m.lives[number].Store(&life{ctx, store, sessions})
		for first := true; first || (wait(ctx, min(time.Until(next), time.Until(m.end))) && time.Now().Before(m.end)); first = false {
			if !first {
				next = next.Add(monthSweep * monthProcesses)
			}
			report, _ := sessions.KeepAlive(ctx, m.e, auth.KeepAliveOptions{Idle: monthIdle, PerSecond: 50}) // it ends early by death alone
			m.count(report)
		}
		die()
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		_ = sessions.Close(closing) // a dead process saves nothing
		cancel()
		time.Sleep(restartDelay)
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// people call through one process after another, each person once in the month.
// Who was calling a process that died calls another one.
func (m *month) people() {
	dice := rand.New(rand.NewPCG(1, 30))
	for _, person := range dice.Perm(monthSessions) {
		time.Sleep(monthDays * 24 * time.Hour / (monthSessions + 1))
		for number := person; ; number++ {
			l := m.lives[number%monthProcesses].Load()
			src, err := l.sessions.Key(monthKey(person)).Source(m.e)
			if err == nil {
				_, err = src.Token(l.ctx)
			}
			if l.store.isDead() {
				continue
			}
			m.used++
			if err != nil {
				m.refused++
			}
			break
		}
	}
}

// crash dooms a process now and then.
func (m *month) crash() {
	dice := rand.New(rand.NewPCG(300, 30))
	for range monthCrashes {
		time.Sleep(monthDays * 24 * time.Hour / (monthCrashes + 1))
		m.lives[dice.IntN(monthProcesses)].Load().store.doomed.Store(true)
	}
}

func (m *month) count(r auth.KeepAliveReport) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweeps++
	m.report.Checked += r.Checked
	m.report.Renewed += r.Renewed
	m.report.Elsewhere += r.Elsewhere
	m.report.Ended += r.Ended
	m.report.Failed += r.Failed
}

// print logs the figures and returns the first line of them.
func (m *month) print(t *testing.T) string {
	lost, reasons, upgraded := 0, map[string]int{}, 0
	for _, s := range m.sb.Sessions() {
		if s.Algorithm == 2 {
			upgraded++
		}
		if s.Ended != "" {
			lost++
			reasons[s.Ended]++
		} else if time.Since(s.Refreshed) >= monthLimit {
			lost++
			reasons["inactivity, not noticed yet"]++
		}
	}
	c := m.sb.Counters()
	rate := float64(c.Refreshes) / monthSessions / monthDays
	simulated := fmt.Sprintf("%d days, %d sessions, %d processes, %d sweeps: %d records read, %d renewed, %d renewed elsewhere, %d failed, %d ended", monthDays, monthSessions, monthProcesses, m.sweeps,
		m.report.Checked, m.report.Renewed, m.report.Elsewhere, m.report.Failed, m.report.Ended)
	t.Logf("%d calls of people, %d refused; %d crashes; %d responses lost; %d sessions upgraded", m.used, m.refused, monthCrashes, c.Faults, upgraded)
	t.Logf("%d sessions lost %v; %.3f refreshes a session and day (%d rotations, %d replays forgiven, %d branched, %d refused)", lost, reasons, rate, c.Rotations, c.Forgiven, c.Branched, c.ReplaysRefused)
	if lost > 0 {
		t.Errorf("%d sessions lost", lost)
	}
	if rate > 1.05 {
		t.Errorf("%.3f refreshes a session and day, want at most 1.05", rate)
	}
	return simulated
}
