package auth_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// The promises about tokens, held against each way in which the server keeps
// refresh tokens. The process tests do the same with kill -9.

// fleet is some processes' worth of clients on one store.
type fleet struct {
	sb     *sandbox.Sandbox
	store  *unsavingStore
	e      auth.Endpoint
	tokens sandbox.Tokens // of the last sign-in
}

// unsavingStore fails to commit while told to.
type unsavingStore struct {
	auth.Store
	mu     sync.Mutex
	broken bool
}

var errDiskFull = errors.New("no space left on device")

func (s *unsavingStore) breaks(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = on
}

func (s *unsavingStore) Update(ctx context.Context, key string, f func(context.Context, []byte) ([]byte, error)) error {
	return s.Store.Update(ctx, key, func(ctx context.Context, current []byte) ([]byte, error) {
		next, err := f(ctx, current)
		s.mu.Lock()
		defer s.mu.Unlock()
		if err == nil && next != nil && s.broken {
			return nil, errDiskFull
		}
		return next, err
	})
}

// eachVariant runs f in fake time with a session of each variant.
func eachVariant(t *testing.T, f func(t *testing.T, fl *fleet), opts ...sandbox.Option) {
	t.Helper()
	for _, v := range forgivingVariants() {
		t.Run(v.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sb, err := sandbox.New(append(append([]sandbox.Option{}, v.opts...), opts...)...)
				if err != nil {
					t.Fatal(err)
				}
				defer sb.Close()
				base := sb.CosmicURL()
				fl := &fleet{sb: sb, store: &unsavingStore{Store: auth.NewMemoryStore()}, e: auth.Endpoint{
					Service: "cosmic", Origin: base, TokenURL: base + cosmic.Service.TokenPath, AuthorizeURL: base + cosmic.Service.AuthorizePath,
					HTTPClient: &http.Client{Transport: sb.Transport(), Timeout: 30 * time.Second},
				}}
				p, _ := fl.process(t)
				fl.signIn(t, p)
				closeSessions(t, p)
				if v.upgrade {
					sb.UpgradeAtNextRefresh()
				}
				f(t, fl)
			})
		})
	}
}

// process is one process's sessions, and its source of the one session.
func (fl *fleet) process(t *testing.T) (*auth.Sessions, auth.Renewer) {
	t.Helper()
	sessions, err := auth.NewSessions(fl.store, auth.App{ClientID: fl.sb.App().ClientID})
	if err != nil {
		t.Fatal(err)
	}
	src, err := sessions.Key(fleetKey).Source(fl.e)
	if err != nil {
		t.Fatal(err)
	}
	return sessions, src.(auth.Renewer)
}

func (fl *fleet) signIn(t *testing.T, sessions *auth.Sessions) {
	t.Helper()
	var err error
	if fl.tokens, err = fl.sb.SignIn(""); err != nil {
		t.Fatal(err)
	}
	g, err := auth.NewGrant(fl.e, auth.App{ClientID: fl.sb.App().ClientID}, &oauth2.Token{AccessToken: fl.tokens.AccessToken, Expiry: fl.tokens.ExpiresAt, RefreshToken: fl.tokens.RefreshToken})
	if err != nil {
		t.Fatal(err)
	}
	if err := sessions.SignIn(t.Context(), fleetKey, g); err != nil {
		t.Fatal(err)
	}
}

func closeSessions(t *testing.T, sessions *auth.Sessions) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := sessions.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

// good asks for a token until there is one.
func good(t *testing.T, src auth.Source) auth.Token {
	t.Helper()
	for range 100 {
		tok, err := src.Token(t.Context())
		if err == nil {
			return tok
		}
		var re *auth.ReauthError
		if errors.As(err, &re) {
			t.Fatalf("the session is lost: %v", err)
		}
		time.Sleep(time.Second)
	}
	t.Fatal("no token in 100 attempts")
	return auth.Token{}
}

func TestPromisesOneAndFour_OneRefreshForEachExpiryOfAllProcesses(t *testing.T) {
	eachVariant(t, func(t *testing.T, fl *fleet) {
		const processes, callers, expiries = 4, 25, 5
		var sources []auth.Renewer
		for range processes {
			p, src := fl.process(t)
			defer closeSessions(t, p)
			sources = append(sources, src)
		}
		for range expiries {
			time.Sleep(time.Hour)
			var wg sync.WaitGroup
			for _, src := range sources {
				for range callers {
					wg.Go(func() { good(t, src) })
				}
			}
			wg.Wait()
		}
		if c := fl.sb.Counters(); c.Rotations != expiries || c.Forgiven != 0 || c.Branched != 0 || c.ReplaysRefused != 0 {
			t.Errorf("%d expiries: %+v", expiries, c)
		}
	})
}

func TestPromisesTwoAndThree_NoTroubleOfARefreshLosesTheSession(t *testing.T) {
	eachVariant(t, func(t *testing.T, fl *fleet) {
		p, src := fl.process(t)
		defer func() { closeSessions(t, p) }()
		for name, trouble := range map[string][]sandbox.Part{
			"cut before":               {sandbox.CutBefore()},
			"cut after it rotated":     {sandbox.CutAfterProcessing()},
			"cut in the response":      {sandbox.CutAfter(20)},
			"503 after it rotated":     {sandbox.Processed(), sandbox.Status(503)},
			"HTML after it rotated":    {sandbox.Processed(), sandbox.Body("text/html", []byte("<p>"))},
			"a hook that is slow":      {sandbox.HookTimeout()},
			"a conflict":               {sandbox.Status(409), sandbox.Body("application/json", []byte(`{"code":409,"error_code":"conflict","msg":""}`))},
			"429":                      {sandbox.Status(429), sandbox.RetryAfter("3")},
			"a session that is held":   {sandbox.HoldSession(12 * time.Second)},
			"a client that is refused": {sandbox.Status(400), sandbox.Body("application/json", []byte(`{"code":400,"error_code":"invalid_credentials","msg":""}`))},
		} {
			time.Sleep(time.Hour)
			if err := fl.sb.Fail(append(trouble, sandbox.On(sandbox.OpToken), sandbox.Times(1))...); err != nil {
				t.Fatal(err)
			}
			good(t, src)
			if c := fl.sb.Counters(); c.ReplaysRefused != 0 || c.Branched != 0 {
				t.Fatalf("%s: a token older than the parent was sent: %+v", name, c)
			}
		}
		// What could not be saved is served, and saved later; after a crash in
		// between another process sends the parent.
		for _, crash := range []bool{false, true} {
			time.Sleep(time.Hour)
			fl.store.breaks(true)
			good(t, src)
			if crash {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				if err := p.Close(ctx); !errors.Is(err, errDiskFull) {
					t.Errorf("closed with what could not be saved: %v", err)
				}
				cancel()
				p, src = fl.process(t)
			}
			fl.store.breaks(false)
			good(t, src)
			time.Sleep(time.Hour)
			good(t, src)
		}
		if c := fl.sb.Counters(); c.ReplaysRefused != 0 || c.Branched != 0 || c.Forgiven == 0 {
			t.Errorf("%+v", c)
		}
	})
}

// TestPromiseFive_ARefusedTokenIsRenewedOnce: 401s of all callers of all
// processes are one renewal.
func TestPromiseFive_ARefusedTokenIsRenewedOnce(t *testing.T) {
	eachVariant(t, func(t *testing.T, fl *fleet) {
		p, src := fl.process(t)
		defer closeSessions(t, p)
		q, other := fl.process(t)
		defer closeSessions(t, q)
		tok := good(t, src)
		if seen := good(t, other); seen != tok {
			t.Fatal("two processes have two tokens")
		}
		fl.sb.RefuseAccessTokens()
		var wg sync.WaitGroup
		for _, src := range []auth.Renewer{src, other} {
			for range 50 {
				wg.Go(func() {
					if next, err := src.Renew(t.Context(), tok); err != nil || next == tok {
						t.Errorf("%v", err)
					}
				})
			}
		}
		wg.Wait()
		if c := fl.sb.Counters(); c.Rotations != 1 {
			t.Errorf("%+v", c)
		}
	})
}

func TestPromiseSix_ADeadSessionSaysWhyAndANewSignInHealsEveryProcess(t *testing.T) {
	for name, tc := range map[string]struct {
		end    func(*fleet) error
		opts   []sandbox.Option
		reason string
	}{
		"logout":     {func(fl *fleet) error { return fl.sb.EndSession(fl.tokens.SessionID, sandbox.TokenNotFound) }, nil, auth.ReasonSignedOut},
		"inactivity": {func(*fleet) error { time.Sleep(25 * time.Hour); return nil }, []sandbox.Option{sandbox.WithInactivityTimeout(24 * time.Hour)}, auth.ReasonInactivity},
		"age":        {func(*fleet) error { time.Sleep(48 * time.Hour); return nil }, []sandbox.Option{sandbox.WithTimeBox(48 * time.Hour)}, auth.ReasonAge},
		"newer":      {func(fl *fleet) error { _, err := fl.sb.SignIn(""); return err }, []sandbox.Option{sandbox.WithSingleSession()}, auth.ReasonNewerSignIn},
		"replaced":   {func(fl *fleet) error { return fl.sb.EndSession(fl.tokens.SessionID, sandbox.AlreadyUsed) }, nil, auth.ReasonReplaced},
	} {
		t.Run(name, func(t *testing.T) {
			eachVariant(t, func(t *testing.T, fl *fleet) {
				p, src := fl.process(t)
				defer closeSessions(t, p)
				q, other := fl.process(t)
				defer closeSessions(t, q)
				good(t, src)
				good(t, other)
				if err := tc.end(fl); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour)
				for _, src := range []auth.Renewer{src, other} {
					_, err := src.Token(t.Context())
					var re *auth.ReauthError
					if !errors.As(err, &re) || re.Reason != tc.reason {
						t.Fatalf("%v, want the reason %s", err, tc.reason)
					}
				}
				if c := fl.sb.Counters(); c.ReplaysRefused != 1 {
					t.Errorf("the dead session was asked for %d times", c.ReplaysRefused)
				}
				fl.signIn(t, p)
				good(t, src)
				time.Sleep(time.Minute) // a process looks for a sign-in elsewhere now and then
				good(t, other)
			}, tc.opts...)
		})
	}
}

// A ban ends no session, and a database that was restored ends those that went on.
func TestPromiseSix_ABanPassesAndARestoredDatabaseDoesNot(t *testing.T) {
	eachVariant(t, func(t *testing.T, fl *fleet) {
		p, src := fl.process(t)
		defer closeSessions(t, p)
		time.Sleep(time.Hour)
		good(t, src) // the upgrade, if there is one
		backup := fl.sb.Backup()
		if err := fl.sb.Ban(""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		var re *auth.ReauthError
		if _, err := src.Token(t.Context()); err == nil || errors.As(err, &re) {
			t.Fatalf("of a banned user: %v", err)
		}
		if err := fl.sb.Unban(""); err != nil {
			t.Fatal(err)
		}
		good(t, src)
		fl.sb.Restore(backup)
		want := auth.ReasonRestoredServer
		if fl.sb.Sessions()[0].Algorithm == 1 {
			want = auth.ReasonSignedOut // rows that are not there are all alike
		}
		time.Sleep(time.Hour)
		if _, err := src.Token(t.Context()); !errors.As(err, &re) || re.Reason != want {
			t.Errorf("%v, want the reason %s", err, want)
		}
	})
}

// The bubble of each variant fails if a goroutine is left.
func TestPromiseSeven_CloseWaitsForWhatIsUnderWayAndStartsNothing(t *testing.T) {
	eachVariant(t, func(t *testing.T, fl *fleet) {
		p, src := fl.process(t)
		time.Sleep(time.Hour)
		if err := fl.sb.Fail(sandbox.On(sandbox.OpToken), sandbox.Delay(5*time.Second), sandbox.Times(1)); err != nil {
			t.Fatal(err)
		}
		var tok auth.Token
		asked := make(chan error, 1)
		go func() {
			var err error
			tok, err = src.Token(t.Context())
			asked <- err
		}()
		synctest.Wait()
		begin := time.Now()
		closeSessions(t, p) // waits for the request
		if elapsed := time.Since(begin); elapsed != 5*time.Second {
			t.Errorf("Close took %s", elapsed)
		}
		if err := <-asked; err != nil {
			t.Fatal(err)
		}
		if again, err := src.Token(t.Context()); err != nil || again != tok {
			t.Errorf("the token at hand after Close: %v", err)
		}
		time.Sleep(time.Hour)
		if _, err := src.Token(t.Context()); !errors.Is(err, auth.ErrClosed) {
			t.Errorf("a token that needs a request after Close: %v", err)
		}
		if _, err := src.Renew(t.Context(), tok); !errors.Is(err, auth.ErrClosed) {
			t.Errorf("a renewal after Close: %v", err)
		}
		if report, _ := p.KeepAlive(t.Context(), fl.e, auth.KeepAliveOptions{Idle: time.Minute}); report.Failed != 1 || report.Renewed != 0 {
			t.Errorf("a sweep after Close: %+v", report)
		}
		closeSessions(t, p)
		if c := fl.sb.Counters(); c.Refreshes != 1 {
			t.Errorf("%+v", c)
		}

		// What is pending is saved before Close returns.
		p, src = fl.process(t)
		fl.store.breaks(true)
		good(t, src)
		time.AfterFunc(10*time.Second, func() { fl.store.breaks(false) })
		closeSessions(t, p)
		p, src = fl.process(t)
		good(t, src)
		if c := fl.sb.Counters(); c.Refreshes != 2 || c.Forgiven != 0 {
			t.Errorf("what was pending is not in the store: %+v", c)
		}

		// A request that takes too long is cut, and costs nothing.
		time.Sleep(time.Hour)
		if err := fl.sb.Fail(sandbox.On(sandbox.OpToken), sandbox.Processed(), sandbox.Delay(10*time.Second), sandbox.Times(1)); err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := src.Token(t.Context())
			asked <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		if err := p.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("Close after %s: %v", time.Since(begin), err)
		}
		if err := <-asked; err == nil || time.Since(begin) != time.Second {
			t.Errorf("the caller got %v after %s", err, time.Since(begin))
		}
		p, src = fl.process(t)
		good(t, src)
		closeSessions(t, p)
		if c := fl.sb.Counters(); c.ReplaysRefused != 0 || c.Branched != 0 {
			t.Errorf("%+v", c)
		}
	})
}

// The next sweep would be too late where the parent is forgiven for seconds alone.
func TestKeepAliveTriesLostResponsesAgainAtOnce(t *testing.T) {
	eachVariant(t, func(t *testing.T, fl *fleet) {
		p, _ := fl.process(t)
		defer closeSessions(t, p)
		time.Sleep(21 * time.Hour)
		if err := fl.sb.Fail(sandbox.On(sandbox.OpToken), sandbox.CutAfterProcessing(), sandbox.Times(2)); err != nil {
			t.Fatal(err)
		}
		report, err := p.KeepAlive(t.Context(), fl.e, auth.KeepAliveOptions{})
		if c := fl.sb.Counters(); err != nil || report.Renewed != 1 || c.Forgiven != 2 || c.ReplaysRefused != 0 {
			t.Errorf("%+v, %v; %+v", report, err, c)
		}
	})
}
